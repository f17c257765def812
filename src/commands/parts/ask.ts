import { setTimeout as delay } from 'node:timers/promises';
import { didYouMean } from '../../core/closest.ts';
import { CommandError } from '../../core/errors.ts';
import {
  findTarget,
  isRefused,
  outcomeText,
  requestExitCode,
  requestText,
  targetNames,
} from '../../core/run/control.ts';
import type { ControlRequest, Outcome, Request, RequestAnswer } from '../../events/request.ts';
import type { Run } from '../../events/run.ts';
import { putAwayNames } from '../../io/artifacts/forgotten.ts';
import { openRunStore } from '../../io/artifacts/run-store.ts';
import { findUp, type LivingOwner, ownerOf, understandsUs } from '../../io/claim/ownership.ts';
import { sendRequest } from '../../io/claim/requests.ts';
import type { Workspace } from '../../io/workspace/workspace.ts';
import { intakeFolders } from '../../producers/intake.ts';
import { keptFiles } from '../../producers/kept-files.ts';
import { look } from '../../producers/look.ts';
import { print, printError } from './output.ts';

const poll_ms = 50;
/** Stopping a tool takes at most 8 s. After this time the command says what it waits for. */
const patience_ms = 2000;
const mostNamed = 5;

/** Sends a request, prints its result and returns the exit code. Throws CommandError 2 (no such run or phase). */
export async function ask(workspace: Workspace, request: ControlRequest): Promise<number> {
  const known = request.kind === 'forget' ? await putAwayNames(workspace.artifacts) : [];
  if ('target' in request && request.target !== null && !known.includes(request.target))
    await refuseUnknown(workspace, request.target);
  const outcomes = await outcomesOf(workspace, request);
  for (const outcome of outcomes) {
    const say = isRefused(outcome) ? printError : print;
    say(`${outcomeText(outcome)}\n`);
  }
  return requestExitCode(outcomes);
}

/** The result of a request about runs or about `up`. */
export async function outcomesOf(workspace: Workspace, request: ControlRequest): Promise<readonly Outcome[]> {
  const answer = await askOwner(workspace, request);
  return answer.kind === 'outcomes' ? answer.outcomes : [];
}

async function refuseUnknown({ artifacts, inbox }: Workspace, name: string): Promise<void> {
  const runStore = openRunStore(artifacts);
  await runStore.refresh();
  const runs: readonly Run[] = runStore.all().map(({ run }) => run);
  if (findTarget(name, runs) !== null) return;
  const hint = didYouMean(name, targetNames(runs));
  const dropped = (await look(inbox)).found.filter(({ kind }) => kind === 'file');
  const unread = [...(await keptFiles(intakeFolders(inbox).claimed)), ...dropped].map((file) => file.name);
  const more = unread.length > mostNamed ? ` and ${unread.length - mostNamed} more` : '';
  const notRead = `Not read yet: ${unread.slice(0, mostNamed).join(', ')}${more} in the inbox. `;
  const where = `${unread.length === 0 ? '' : notRead}\`phasebox status\` lists the runs.`;
  throw new CommandError(2, `There is no run or phase ${name}. ${hint}${where}`);
}

/**
 * The answer of the running `up` or, if none is running, of this process, which then owns the workspace for a moment.
 * A request that an `up` had begun when it died is sent again, since handling it twice has no further effect. Only
 * `submit --again` is not, since it adds seeds each time.
 */
export async function askOwner(workspace: Workspace, request: Request): Promise<RequestAnswer> {
  const patience = sayThatItWaits(workspace, request);
  try {
    for (;;) {
      const owner = await findUp(workspace.state);
      const answer = owner === null ? await alone(workspace, request) : await send(owner, request);
      if (answer?.kind === 'error') throw new CommandError(3, answer.message);
      if (answer !== null) return answer;
      await delay(poll_ms);
    }
  } finally {
    clearTimeout(patience);
  }
}

function sayThatItWaits({ state }: Workspace, request: Request): NodeJS.Timeout {
  const say = async (): Promise<void> => {
    const owner = await ownerOf(state);
    if (owner !== null) printError(`${requestText(request)}: waiting for \`phasebox up\` (pid ${owner})\n`);
  };
  return setTimeout(() => void say().catch(() => undefined), patience_ms); // the request itself reports it
}

/** Null if nothing was done, or if it may be repeated. */
async function send(owner: LivingOwner, request: Request): Promise<RequestAnswer | null> {
  const refusal = (what: string): CommandError => new CommandError(3, `\`phasebox up\` (pid ${owner.pid}) ${what}`);
  if (!understandsUs(owner))
    throw refusal(
      'is of another version of phasebox and does not understand this command. Restart it: `phasebox stop`, then `phasebox up`. A running tool continues meanwhile.',
    );
  const sent = await sendRequest(owner.socket, request);
  if (sent.kind === 'answered') return sent.answer;
  if (sent.kind === 'not_allowed')
    throw refusal('runs as another user. Use this command as that user; configs can also be copied into the inbox.');
  if (sent.kind === 'lost' && request.kind === 'submit' && request.again)
    throw refusal(
      'ended before it answered. `phasebox status` shows whether the new runs were accepted; if not, submit again.',
    );
  return null;
}

/** Imported only if no `up` runs: BullMQ and the inbox take as long to load as the rest of the command. */
async function alone(workspace: Workspace, request: Request): Promise<RequestAnswer | null> {
  const { handleAlone } = await import('./handle-alone.ts');
  return handleAlone(workspace, request);
}
