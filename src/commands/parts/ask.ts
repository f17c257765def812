import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { didYouMean } from '../../core/closest.ts';
import { CommandError } from '../../core/errors.ts';
import { findTarget, targetNames } from '../../core/run/control.ts';
import { exitCodeOf, isRefused, outcomeText, requestText } from '../../core/run/control-words.ts';
import type { Outcome, Request } from '../../events/request.ts';
import type { Run } from '../../events/run.ts';
import { openRunStore } from '../../io/artifacts/run-store.ts';
import { claimWorkspace, pokeOwner } from '../../io/claim/ownership.ts';
import { openLogger } from '../../io/workspace/logger.ts';
import { isPending, takeAnswer, writeRequest } from '../../io/workspace/requests.ts';
import type { Workspace } from '../../io/workspace/workspace.ts';
import { look } from '../../producers/look.ts';
import { openRequestHandler } from '../../workers/control/requests.ts';
import type { Notice } from '../../workers/runtime.ts';
import { openOwner } from './open-runtime.ts';
import { print, printError } from './output.ts';

const poll_ms = 20;
const knock_ms = 1000;
/** Ending a tool takes up to 8 s; after this a person wants to know what is waited for. */
const patience_ms = 2000;
/** Files of the inbox that an answer names. */
const mostNamed = 5;

/** Asks for something and tells what came of it. Returns the exit code. Throws CommandError 2: no such run or phase. */
export async function ask(workspace: Workspace, request: Request): Promise<number> {
  if ('target' in request && request.target !== null) await refuseUnknown(workspace, request.target);
  const outcomes = await askOwner(workspace, request);
  for (const outcome of outcomes) {
    const say = isRefused(outcome) ? printError : print;
    say(`${outcomeText(outcome)}\n`);
  }
  return exitCodeOf(outcomes);
}

async function refuseUnknown({ artifacts, inbox }: Workspace, name: string): Promise<void> {
  const runStore = openRunStore(artifacts);
  await runStore.refresh();
  const runs: readonly Run[] = runStore.all().map(({ run }) => run);
  if (findTarget(name, runs) !== null) return;
  const hint = didYouMean(name, targetNames(runs));
  const unread = (await look(inbox)).found.filter(({ kind }) => kind === 'file').map((file) => file.name);
  const more = unread.length > mostNamed ? ` and ${unread.length - mostNamed} more` : '';
  const notRead = `Not read yet: ${unread.slice(0, mostNamed).join(', ')}${more} in the inbox. `;
  const where = `${unread.length === 0 ? '' : notRead}\`phasebox status\` lists the runs.`;
  throw new CommandError(2, `There is no run or phase ${name}. ${hint}${where}`);
}

/**
 * Leaves the request and waits until it is handled: by the `up` that lives or, when there is none (any more), by this
 * process, which owns the workspace for that moment.
 */
export async function askOwner(workspace: Workspace, request: Request): Promise<readonly Outcome[]> {
  const path = await writeRequest(workspace.state, request);
  const since = performance.now();
  let told = false;
  for (let next = 0; await isPending(path); await delay(poll_ms)) {
    if (performance.now() < next) continue;
    const owner = await pokeOwner(workspace.state);
    if (owner === null) {
      await handleAlone(workspace);
      continue;
    }
    // Often enough to see that it has gone, too seldom to keep it busy.
    next = performance.now() + knock_ms;
    if (!told && performance.now() - since > patience_ms) {
      told = true;
      printError(`${requestText(request)}: waiting for \`phasebox up\` (pid ${owner})\n`);
    }
  }
  const outcomes = await takeAnswer(path);
  if (outcomes !== null) return outcomes;
  printError('It was handled, but what came of it could not be written down: see `phasebox status`.\n');
  return [];
}

/** Owns the workspace as long as it takes to meet all requests that wait. Someone faster: nothing to do. */
async function handleAlone(workspace: Workspace): Promise<void> {
  const claim = await claimWorkspace(workspace.state, true);
  if (claim.kind === 'taken') return;
  try {
    const log = openLogger({ folder: join(workspace.state, 'log'), level: 'info', pretty: false });
    const notice = (step: Notice): void => {
      if (step.kind === 'store') printError(`${step.text}\n`);
    };
    const owner = await openOwner({ workspace, log, notice });
    try {
      await openRequestHandler(owner, null).handle();
    } finally {
      await owner.pages.close();
      await owner.notifier.silent();
      await owner.notifier.close();
      await owner.runStore.close();
    }
  } finally {
    await claim.ownership.release();
  }
}
