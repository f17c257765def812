import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { plural } from '../../core/format.ts';
import { pausesOf, pauseText } from '../../core/run/control.ts';
import { heldBy } from '../../core/run/due.ts';
import { heldText } from '../../core/run/rehearsal-words.ts';
import { isStage, stages } from '../../events/stages.ts';
import { toolThatContinues } from '../../io/claim/machine-slot.ts';
import type { Inbox } from '../../producers/inbox.ts';
import { askAllToPause } from '../../workers/control/pause-now.ts';
import type { Workers } from '../../workers/index.ts';
import type { Stuck } from '../../workers/queue/admission.ts';
import type { Leaving, Live, Runtime } from '../../workers/runtime/runtime.ts';
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

/**
 * Waits for a signal. Running tools continue for the next `up`, unless Ctrl-C is pressed again within 5 s, or `s`, which
 * asks them to save their state.
 */
export async function leaving(runtime: Working, screen: Screen, asked: AbortSignal): Promise<Leaving> {
  const { busyRuns, workspace } = runtime;
  if (!asked.aborted) await once(asked, 'abort');
  if (busyRuns.size === 0) return 'detach';
  const continues = await toolThatContinues(workspace);
  const stops = [...busyRuns].map(([run, { stage }]) => `${stage} of ${run}`).filter((name) => name !== continues);
  if (continues !== null) screen.line(`${continues} continues in the background; the next \`phasebox up\` resumes it.`);
  if (stops.length > 0) screen.line(`${stops.join(', ')} stops here; the next \`phasebox up\` resumes it.`);
  const isCtrlC = asked.reason instanceof AskedToLeave && asked.reason.signal === 'SIGINT';
  if (!isCtrlC || continues === null) return 'detach';
  const canSave = process.stdin.isTTY && [...busyRuns.values()].some(hasPauseFile);
  const save = canSave ? ', or s to save its state and free the machine' : '';
  screen.line(`Press Ctrl-C again within 5 s to stop ${continues} as well${save}.`);
  const over = AbortSignal.timeout(secondThought_ms);
  const again = once(process, 'SIGINT', { signal: over }).then(
    () => 'stop' as const,
    () => null,
  );
  const key = await Promise.race([again, ...(canSave ? [keyOf({ s: 'save', '\x03': 'stop' }, over)] : [])]);
  if (key === 'save') await saveAll(runtime, screen);
  return key === 'stop' ? 'stop' : 'detach';
}

type Working = Pick<Runtime, 'busyRuns' | 'workspace' | 'runStore'>;

const hasPauseFile = ({ stage }: Live): boolean => isStage(stage) && stages[stage].pauseFile !== null;

async function saveAll(runtime: Working, screen: Screen): Promise<void> {
  for (const name of (await askAllToPause(runtime)).saves) screen.line(savesText(name));
}

const savesText = (name: string): string =>
  `${name} saves its state after the current iteration, and ends; the next \`phasebox up\` resumes it.`;

/** The meaning of the first of these keys that is pressed on the terminal, or null when `over`. */
async function keyOf<T>(keys: Readonly<Record<string, T>>, over: AbortSignal): Promise<T | null> {
  const { stdin } = process;
  // Without raw mode, a key arrives only with the next line. With it, Ctrl-C is a key and not a signal.
  stdin.setRawMode(true);
  try {
    for (;;) {
      const [data] = await once(stdin, 'data', { signal: over });
      const found = [...String(data)].find((key) => keys[key] !== undefined);
      if (found !== undefined) return keys[found] ?? null;
    }
  } catch (error) {
    if (over.aborted) return null;
    throw error;
  } finally {
    stdin.setRawMode(false);
    stdin.pause();
  }
}

/**
 * The deadline has come, and what works is to be paused. Returns how `up` ends: what saves its state does so without it,
 * and the rest is stopped. Null if a training works that would start from scratch: it continues.
 */
async function pauseAtEnd(runtime: Working, screen: Screen): Promise<Leaving | null> {
  const { saves, stops, continues } = await askAllToPause(runtime);
  for (const name of saves) screen.line(savesText(name));
  if (continues.length > 0) return null;
  return stops.length > 0 ? 'stop' : 'detach';
}

/** A person requested that this `up` stops together with its tools. */
export async function stopRequest({ stopAsked }: Runtime): Promise<Leaving> {
  if (!stopAsked.signal.aborted) await once(stopAsked.signal, 'abort');
  return 'stop';
}

/** What pauses keep from continuing. */
export function pausedText({ runStore, rows, control }: Runtime): string {
  const left = runStore.all().filter(({ run }) => !rows.has(run.run)).length;
  return [`${plural(left, 'run')} left that cannot continue:`, ...pausesOf(control.now()).map(pauseText)].join('\n  ');
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
 * by then. Before the deadline, an empty queue is waited for: a config may still come. With `pauses`, what works at the
 * deadline is paused.
 */
export async function outOfTime(
  { runtime, inbox, workers, steps }: Progress & { readonly runtime: Working & Pick<Runtime, 'until'> },
  { pauses, screen }: { readonly pauses: boolean; readonly screen: Screen },
): Promise<'late' | Leaving> {
  let isAsked = false;
  for (;;) {
    const step = steps.next();
    if (pauses && !isAsked && runtime.busyRuns.size > 0 && isOver(runtime)) {
      isAsked = true;
      const how = await pauseAtEnd(runtime, screen);
      if (how !== null) return how;
    }
    if (await workers.isOutOfTime()) {
      const runs = runtime.runStore.all().length;
      await inbox.settled();
      if (runtime.runStore.all().length === runs && (await workers.isOutOfTime())) return 'late';
    }
    await Promise.race([step, delay(longestWait_ms, undefined, { ref: false })]);
  }
}

const isOver = ({ until }: Pick<Runtime, 'until'>): boolean => until !== null && Date.now() >= until.at;

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
