import type { StageEvent } from '../../events/events.ts';
import type { Control, Outcome, Request } from '../../events/request.ts';
import type { Run } from '../../events/run.ts';
import type { RunState } from './due.ts';
import { withSources } from './lineage.ts';

/** No pause, no priority. */
export const atRest: Control = { version: 1, paused: null, pauses: [], first: [], retried: 0 };

/** What a person named: one run, or all runs of a phase. */
export interface Target {
  readonly kind: 'run' | 'phase';
  readonly name: string;
}

/** A name of a run, else of a phase (names that differ only in case are one phase). Null if it is neither. */
export function findTarget(name: string, runs: readonly Run[]): Target | null {
  if (runs.some(({ run }) => run === name)) return { kind: 'run', name };
  const same = runs.filter(({ phase }) => phase.toLowerCase() === name.toLowerCase());
  return same[0] === undefined ? null : { kind: 'phase', name: same[0].phase };
}

/** Every name that a command accepts. */
export const targetNames = (runs: readonly Run[]): string[] => [
  ...new Set([...runs.map(({ phase }) => phase), ...runs.map(({ run }) => run)]),
];

export const isOf = (run: Run, { kind, name }: Target): boolean => (kind === 'run' ? run.run : run.phase) === name;

/** Why a run does not continue: since when (ISO 8601), and the paused run or phase, or null for the workspace. */
export interface Pause {
  readonly since: string;
  readonly target: Target | null;
}

/** The widest pause that affects a run, or null. */
export function pauseOf(control: Control, run: Run): Pause | null {
  if (control.paused !== null) return { since: control.paused, target: null };
  const own = control.pauses.filter((pause) => isOf(run, pause));
  const widest = own.find(({ kind }) => kind === 'phase') ?? own[0];
  return widest === undefined ? null : { since: widest.at, target: { kind: widest.kind, name: widest.name } };
}

export const pausesOf = ({ paused, pauses }: Control): Pause[] => [
  ...(paused === null ? [] : [{ since: paused, target: null }]),
  ...pauses.map(({ kind, name, at }) => ({ since: at, target: { kind, name } })),
];

/** Whether a run or its phase is paused, whatever the state of the workspace. */
export const isPausedItself = (control: Control, run: Run): boolean => control.pauses.some((pause) => isOf(run, pause));

/** Whether there is any pause. */
export const isPausing = ({ paused, pauses }: Control): boolean => paused !== null || pauses.length > 0;

/** Whether an attempt has begun: its first step is in the journal, from this process or an earlier one. */
export const hasBegun = (
  { journal }: Pick<RunState, 'journal'>,
  { stage, attempt }: Omit<StageEvent, 'run'>,
): boolean => journal.some((line) => line.event === 'reserved' && line.stage === stage && line.attempt === attempt);

/** What keeps an attempt of a stage from beginning, or null. An attempt that has begun is finished under any pause. */
export const pauseOfStage = (control: Control, state: RunState, event: Omit<StageEvent, 'run'>): Pause | null =>
  hasBegun(state, event) ? null : pauseOf(control, state.run);

/** All runs in the order in which they may start: first the prioritized ones, then by acceptance. */
export function lineUp<T extends { readonly run: Run }>(control: Control, runs: readonly T[]): T[] {
  const place = new Map(control.first.map((name, index) => [name, index]));
  const rank = ({ run }: T): number => place.get(run.run) ?? control.first.length;
  return [...runs].sort((a, b) => rank(a) - rank(b) || a.run.number - b.run.number);
}

/** Adds a pause. A target that is already paused keeps its time. */
export function paused(control: Control, target: Target | null, at: string): Control {
  if (target === null) return { ...control, paused: control.paused ?? at };
  const known = control.pauses.some(({ kind, name }) => kind === target.kind && name === target.name);
  return known ? control : { ...control, pauses: [...control.pauses, { ...target, at }] };
}

/** Ends the workspace's pause (null), that of a run, or that of a phase together with those of its runs. */
export function resumed(control: Control, target: Target | null, runs: readonly Run[]): Control {
  if (target === null) return { ...control, paused: null };
  const own = new Set(runs.filter((run) => isOf(run, target)).map(({ run }) => run));
  const lifted = ({ kind, name }: Target): boolean =>
    kind === 'run' ? own.has(name) : target.kind === 'phase' && name === target.name;
  return { ...control, pauses: control.pauses.filter((pause) => !lifted(pause)) };
}

/** Moves runs, with those they come from, before all others in queue order. `waiting` has every queued run. */
export function prioritized(control: Control, names: ReadonlySet<string>, waiting: readonly Run[]): Control {
  const byName = new Map(waiting.map((run) => [run.run, run]));
  const first = new Set<string>();
  for (const name of names) {
    const run = byName.get(name);
    if (run === undefined) continue;
    for (const one of withSources(run, (source) => byName.get(source))) first.add(one.run);
  }
  const inLine = waiting.filter(({ run }) => first.has(run)).sort((a, b) => a.number - b.number);
  const others = control.first.filter((name) => byName.has(name) && !first.has(name));
  return { ...control, first: [...inLine.map(({ run }) => run), ...others] };
}

/** Retried runs return to their own place in the queue. */
export const sentBack = (control: Control, names: readonly string[]): Control => ({
  ...uncounted(control, names.length),
  first: control.first.filter((name) => !names.includes(name)),
});

/** So many rows are no longer counted. The numbers of admissions continue, since their jobs are kept for a while. */
export const uncounted = (control: Control, rows: number): Control => ({ ...control, retried: control.retried + rows });

/** Pauses and priorities do not outlive their phase: another one may get its name. */
export const forgotten = (
  control: Control,
  gone: { readonly phase: string; readonly runs: readonly string[] },
): Control => ({
  ...uncounted(control, gone.runs.length),
  pauses: control.pauses.filter(({ kind, name }) => (kind === 'run' ? !gone.runs.includes(name) : name !== gone.phase)),
  first: control.first.filter((name) => !gone.runs.includes(name)),
});

type Sentence = (about: string, detail: string) => string;

/** The results of requests. `refused`: it was not done, so the command ends with 2, or with 1 for `error`. */
const sentences: Readonly<Record<Outcome['did'], { readonly say: Sentence; readonly refused?: true }>> = {
  unknown: { say: (about) => `There is no run or phase ${about} now.`, refused: true },
  cancelled: { say: (about) => `${about}: cancelled` },
  over: { say: (about) => `${about}: already finished; result kept` },
  held: {
    say: (about, detail) =>
      `${about}: stopped, but a process that could not be verified to be phasebox's own still runs in ${detail}`,
    refused: true,
  },
  retried: { say: (about, detail) => `${about}: queued again${detail === '' ? '' : `; it starts at ${detail}`}` },
  returned: { say: (about, detail) => `${about}: queued again too, because it starts from ${detail}` },
  not_over: {
    say: (about, detail) =>
      `${about}: ${detail === 'waiting' ? 'already queued' : 'already running; `phasebox cancel` stops it'}`,
  },
  done: {
    say: (about, detail) =>
      `${about}: already done. \`--stage STAGE\` repeats it from that stage on. Its stages: ${detail}`,
    refused: true,
  },
  no_stage: { say: (about, detail) => `${about}: has no such stage. Its stages: ${detail}`, refused: true },
  needed: {
    say: (about, detail) =>
      `${about}: not retried, since what would be made again is read by ${detail}. Wait for them or cancel them first.`,
    refused: true,
  },
  source_over: {
    say: (about, detail) =>
      `${about}: not retried, since ${detail}, which it starts from, does not have the stage that it reads. Retry that one.`,
    refused: true,
  },
  input_removed: {
    say: (about, detail) =>
      `${about}: not retried, since the model that the stage reads was removed. Use \`--stage ${detail}\`.`,
    refused: true,
  },
  paused: {
    say: (about) =>
      about === ''
        ? 'paused: no new stage starts. `phasebox resume` ends the pause.'
        : `${about}: paused. \`phasebox resume ${about}\` ends the pause.`,
  },
  finishes: { say: (about, detail) => `${about}: finishes ${detail} first` },
  saves: { say: (about, detail) => `${about}: ${detail} saves its state after the current iteration, and ends` },
  interrupted: { say: (about, detail) => `${about}: ${detail} is interrupted` },
  resumed: { say: (about) => (about === '' ? 'resumed' : `${about}: resumed`) },
  still_paused: {
    say: (about, detail) =>
      detail === ''
        ? `${about}: still paused, since the whole workspace is. \`phasebox resume\` ends that pause.`
        : `${detail}: still paused. \`phasebox resume ${detail}\` ends that pause.`,
  },
  not_paused: { say: (about) => (about === '' ? 'The workspace was not paused.' : `${about}: was not paused`) },
  prioritized: { say: (about) => `${about}: moved before all other queued runs` },
  nothing_waits: { say: (about) => `${about}: not queued, so nothing was changed` },
  forgotten: {
    say: (about, detail) =>
      `${about}: taken off the report. Its files are kept in ${detail}. \`phasebox forget ${about} --undo\` brings it back.`,
  },
  only_phase: {
    say: (about, detail) => `${about}: is a run. Only its whole phase ${detail} can be forgotten.`,
    refused: true,
  },
  not_over_yet: {
    say: (about, detail) =>
      `${about}: not forgotten, since it is not finished: ${detail}. \`phasebox cancel ${about}\` finishes it.`,
    refused: true,
  },
  read_by: {
    say: (about, detail) => `${about}: not forgotten, since it is read by ${detail}. Forget that phase first.`,
    refused: true,
  },
  restored: { say: (about) => `${about}: restored` },
  not_forgotten: { say: (about) => `${about}: there is no forgotten phase of this name`, refused: true },
  name_used: {
    say: (about, detail) => `${about}: not restored, since another phase has this name now. It stays in ${detail}.`,
    refused: true,
  },
  source_forgotten: {
    say: (about, detail) =>
      `${about}: not restored, since it starts from ${detail}, which is forgotten too. Restore that one first.`,
    refused: true,
  },
  stopped: {
    say: (about) =>
      about === '' ? 'asked to stop' : `${about}: its tool was stopped; \`phasebox up\` starts the stage from scratch`,
  },
  broker_stopped: { say: () => 'stopped the broker that an earlier `phasebox up` left running' },
  error: { say: (about, detail) => `${about === '' ? 'phasebox failed at it' : about}: ${detail}`, refused: true },
};

/** One line for the result of a request. */
export const outcomeText = ({ about, did, detail }: Outcome): string => sentences[did].say(about ?? '', detail ?? '');

/** True if something that was requested was not done. */
export const isRefused = ({ did }: Outcome): boolean => sentences[did].refused === true;

/** 0, 2 when nothing of what was asked for could be done, 1 when phasebox itself failed at it. */
export function requestExitCode(outcomes: readonly Outcome[]): 0 | 1 | 2 {
  if (outcomes.some(({ did }) => did === 'error')) return 1;
  return outcomes.length > 0 && outcomes.every(isRefused) ? 2 : 0;
}

/** ``43a has been paused since 2026-...; `phasebox resume 43a` ends the pause`` */
export const pauseText = ({ since, target }: Pause): string =>
  target === null
    ? `the workspace has been paused since ${since}; \`phasebox resume\` ends the pause`
    : `${target.name} has been paused since ${since}; \`phasebox resume ${target.name}\` ends the pause`;

/** For the line that is shown while a command waits for `up`. */
export const requestText = (request: Request): string =>
  'target' in request && request.target !== null ? `${request.kind} ${request.target}` : request.kind;
