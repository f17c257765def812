import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { plural } from '../../core/format.ts';
import { holdsOf, holdText } from '../../core/run/control.ts';
import { heldBy } from '../../core/run/due.ts';
import { heldText } from '../../core/run/rehearsal-words.ts';
import { toolThatContinues } from '../../io/claim/machine-slot.ts';
import type { Inbox } from '../../producers/inbox.ts';
import type { Workers } from '../../workers/index.ts';
import type { Stuck } from '../../workers/queue/admission.ts';
import type { Leaving, Runtime } from '../../workers/runtime/runtime.ts';
import type { Screen } from './screen.ts';

const secondThought_ms = 5000;

/** Why `up` ends before it works: it received a signal while it was starting. */
export class AskedToLeave extends Error {
  override readonly name = 'AskedToLeave';
  readonly signal: NodeJS.Signals;

  constructor(signal: NodeJS.Signals) {
    super(`asked to leave by ${signal}`);
    this.signal = signal;
  }
}

/** The first signal aborts. From the first moment of `up`, so that nothing it starts is left without an owner. */
export function catchSignals(): AbortSignal {
  const asked = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(name, () => asked.abort(new AskedToLeave(name)));
  return asked.signal;
}

/** Waits for a signal. Running tools continue for the next `up`, unless Ctrl-C is pressed again within 5 s. */
export async function leaving(
  { busyRuns, workspace }: Pick<Runtime, 'busyRuns' | 'workspace'>,
  screen: Screen,
  asked: AbortSignal,
): Promise<Leaving> {
  if (!asked.aborted) await once(asked, 'abort');
  if (busyRuns.size === 0) return 'detach';
  const continues = await toolThatContinues(workspace);
  const stops = [...busyRuns].map(([run, { stage }]) => `${stage} of ${run}`).filter((name) => name !== continues);
  if (continues !== null) screen.line(`${continues} continues in the background; the next \`phasebox up\` resumes it.`);
  if (stops.length > 0) screen.line(`${stops.join(', ')} stops here; the next \`phasebox up\` resumes it.`);
  const isCtrlC = asked.reason instanceof AskedToLeave && asked.reason.signal === 'SIGINT';
  if (!isCtrlC || continues === null) return 'detach';
  screen.line(`Press Ctrl-C again within 5 s to stop ${continues} as well.`);
  const again = once(process, 'SIGINT').then((): Leaving => 'stop');
  return Promise.race([again, delay<Leaving>(secondThought_ms, 'detach', { ref: false })]);
}

/** A person requested that this `up` stops together with its tools. */
export async function stopRequest({ stopAsked }: Runtime): Promise<Leaving> {
  if (!stopAsked.signal.aborted) await once(stopAsked.signal, 'abort');
  return 'stop';
}

/** What pauses keep from continuing. */
export function pausedText({ runStore, rows, control }: Runtime): string {
  const left = runStore.all().filter(({ run }) => !rows.has(run.run)).length;
  return [`${plural(left, 'run')} left that cannot continue:`, ...holdsOf(control.now()).map(holdText)].join('\n  ');
}

/** Which runs are held, and why. */
export async function heldRunsText({ runStore, rows }: Pick<Runtime, 'runStore' | 'rows'>): Promise<string> {
  const left = runStore.all().filter(({ run }) => !rows.has(run.run));
  const lines: string[] = [];
  for (const stored of left) {
    const held = heldBy(await runStore.journal(stored));
    if (held !== null) lines.push(`${stored.run.run}: held. ${heldText(held)}`);
  }
  return [`${plural(left.length, 'run')} left that cannot start:`, ...lines].join('\n  ');
}

/** Changes without a step, such as a pause, are noticed after at most the time of one pass of the reconciler. */
const longestWait_ms = 5000;

export type Steps = ReturnType<typeof openSteps>;

/** The steps of `up`, to wait for the next one. */
export function openSteps() {
  let resolve = (): void => undefined;
  const another = (): Promise<void> =>
    new Promise((done) => {
      resolve = done;
    });
  let next = another();
  return {
    happened() {
      resolve();
      next = another();
    },
    next: () => next,
  };
}

/**
 * Waits until the deadline leaves nothing to do: no run works, no file waits in the inbox, and no run would be finished
 * by then. Before the deadline, an empty queue is waited for: a config may still come.
 */
export async function outOfTime({ runtime, inbox, workers, steps }: Progress): Promise<'late'> {
  for (;;) {
    const step = steps.next();
    if (await workers.isOutOfTime()) {
      const runs = runtime.runStore.all().length;
      await inbox.settled();
      if (runtime.runStore.all().length === runs && (await workers.isOutOfTime())) return 'late';
    }
    await Promise.race([step, delay(longestWait_ms, undefined, { ref: false })]);
  }
}

interface Progress {
  readonly runtime: Pick<Runtime, 'runStore' | 'rows'>;
  readonly inbox: Pick<Inbox, 'settled' | 'isEmpty'>;
  readonly workers: Pick<Workers, 'whyStuck' | 'isOutOfTime'>;
  readonly steps: Steps;
}

/** Waits until no file waits and every run has its row (`done`), or no other continues until a person acts. */
export async function allDone({ runtime, inbox, workers, steps }: Progress): Promise<'done' | Stuck> {
  const isOpen = (): boolean => runtime.runStore.all().some(({ run }) => !runtime.rows.has(run.run));
  for (;;) {
    const step = steps.next();
    const over = isOpen() ? await workers.whyStuck() : 'done';
    if (over === null) {
      await Promise.race([step, delay(longestWait_ms, undefined, { ref: false })]);
      continue;
    }
    const runs = runtime.runStore.all().length;
    await inbox.settled();
    const isSame = runtime.runStore.all().length === runs && (isOpen() ? await workers.whyStuck() : 'done') === over;
    if (isSame && (await inbox.isEmpty())) return over;
    await delay(100);
  }
}
