import { type EstimateSource, estimateSources, type Run } from '../../events/run.ts';
import type { StageName } from '../../events/stages.ts';
import type { RunDisk } from '../mlx/estimate.ts';
import { branchOf } from '../run/lineage.ts';
import { type FreeSpace, nightDisk } from './night-disk.ts';
import type { Recipe } from './pace.ts';
import { bySlope, type Estimate, openEstimator, type Past, type StageTimes } from './stage-seconds.ts';

/** A stage that is running. */
export interface Current {
  readonly stage: StageName;
  readonly spent_s: number;
  /** By the slope of its reports. Null while it has none. */
  readonly left_s: number | null;
  /** Bytes that it has already written. */
  readonly written: number;
}

/** A run that has no result yet and may work in the night. */
export interface NightRun {
  readonly recipe: Recipe & {
    readonly run: Pick<Run, 'run' | 'phase' | 'from' | 'cooldown_s' | 'memory_gb'> & Recipe['run'];
  };
  readonly committed: ReadonlySet<StageName>;
  /** Seconds that its committed stages took, as far as known. */
  readonly taken: Past['seconds'];
  /** It was admitted, so it is finished before any other begins. */
  readonly started: boolean;
  readonly current: Current | null;
  readonly disk: RunDisk | null;
}

/** A run that does not work in the night, and why: its state, or what it waits for. */
export interface LeftOut {
  readonly run: string;
  readonly why: string;
}

export interface NightInput {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** In the order of the queue. */
  readonly runs: readonly NightRun[];
  readonly left: readonly LeftOut[];
  readonly past: readonly Past[];
  readonly space: FreeSpace;
  /** Bytes. Null if not known. */
  readonly memory: number | null;
}

/** What `status --json` and `plan --json` print as `night`. GB are 2^30 bytes. Unknown values are null. */
export interface Night {
  readonly runs: number;
  readonly trainings: number;
  /** ISO 8601: when the last run is finished, and between which times it probably is. */
  readonly ends: string | null;
  readonly ends_low: string | null;
  readonly ends_high: string | null;
  /** `short_from`: the first run, counted from 1 in the order in which they work, for which the disk is too small. */
  readonly disk: {
    readonly stay_gb: number | null;
    readonly usable_gb: number | null;
    readonly short_from: number | null;
  };
  readonly memory: { readonly peak_gb: number | null; readonly limit_gb: number | null };
}

/** How long a run still takes. Null if nothing is known of its model's size. */
export interface RunTime {
  readonly run: string;
  readonly started: boolean;
  readonly stages: StageTimes | null;
  readonly total: Estimate | null;
  /** The total if none of the runs before it works: then it asks the base model itself. */
  readonly alone: Estimate | null;
  /** Runs with the same key share the score of a base model. Null if none is asked. */
  readonly base: string | null;
  readonly cooldown_s: number;
  /** The run that it starts from, if that one works in the same night. */
  readonly source: string | null;
}

/** A night and what its sentence needs in addition. */
export interface NightView {
  readonly now: number;
  readonly night: Night;
  /** In the order in which they work. */
  readonly times: readonly RunTime[];
  readonly left: readonly LeftOut[];
  /** GB that would stay with `cleanup.keep_model: best`. Null if that is not less, or if the disk is large enough. */
  readonly best_gb: number | null;
}

const gb = (bytes: number | null): number | null => (bytes === null ? null : Number((bytes / 2 ** 30).toFixed(3)));

/** The sum of a night: when it ends, what it leaves on the disk, and the memory that it takes. */
export function nightOf(input: NightInput): NightView {
  const { runs, left } = inOrder(input.runs, input.left);
  const times = timesOf(runs, input.past);
  const works = runs.length > 0;
  const ends = (key: 'seconds' | 'low' | 'high'): string | null => endAt(times, input.now, key);
  const disk = nightDisk(runs, input.space, null);
  const best = disk.shortFrom === null ? null : nightDisk(runs, input.space, 'best').stays;
  const peaks = runs.flatMap(({ recipe }) => recipe.rehearsed?.peak_bytes ?? []);
  const night: Night = {
    runs: runs.length,
    trainings: runs.filter(({ recipe, committed }) => recipe.run.chain.includes('train') && !committed.has('train'))
      .length,
    ...{ ends: ends('seconds'), ends_low: ends('low'), ends_high: ends('high') },
    disk: { stay_gb: gb(disk.stays), usable_gb: gb(input.space.usable), short_from: works ? disk.shortFrom : null },
    memory: { peak_gb: gb(peaks.length === 0 ? null : Math.max(...peaks)), limit_gb: gb(input.memory) },
  };
  const saves = disk.stays !== null && best !== null && best < disk.stays;
  return { now: input.now, night, times, left, best_gb: saves ? gb(best) : null };
}

const noRuns: ReadonlySet<NightRun> = new Set();

/** Runs as they work: started ones first, each after the run that it starts from. Those without their source are left. */
function inOrder(
  queue: readonly NightRun[],
  given: readonly LeftOut[],
): { readonly runs: readonly NightRun[]; readonly left: readonly LeftOut[] } {
  const byName = new Map(queue.map((one) => [one.recipe.run.run, one]));
  const out = new Map(given.map((one) => [one.run, one]));
  const runs = new Set<NightRun>();
  const visit = (one: NightRun, above: ReadonlySet<NightRun>): void => {
    const branch = branchOf(one.recipe.run);
    if (runs.has(one) || out.has(one.recipe.run.run) || above.has(one)) return;
    const source = branch === null ? undefined : byName.get(branch.run);
    if (source !== undefined) visit(source, new Set([...above, one]));
    if (branch !== null && out.has(branch.run))
      out.set(one.recipe.run.run, { run: one.recipe.run.run, why: `waits for ${branch.run}` });
    else runs.add(one);
  };
  for (const one of [...queue.filter(({ started }) => started), ...queue]) visit(one, noRuns);
  return { runs: [...runs], left: [...out.values()] };
}

/** The estimates of all runs. What a run has done, and what its running stage takes, is history for the rest. */
function timesOf(runs: readonly NightRun[], past: readonly Past[]): RunTime[] {
  const known = runs.flatMap((one): Past[] => {
    const seconds = { ...one.taken, ...measured(one.current) };
    // Only these stages: the run itself may still have to ask its base model.
    const chain = one.recipe.run.chain.filter((stage) => seconds[stage] !== undefined);
    return chain.length === 0 ? [] : [{ recipe: { ...one.recipe, run: { ...one.recipe.run, chain } }, seconds }];
  });
  const estimator = openEstimator([...past, ...known]);
  const names = new Set(runs.map(({ recipe }) => recipe.run.run));
  return runs.map((one): RunTime => {
    const { run } = one.recipe;
    const whole = estimator.next(one.recipe);
    const open = run.chain.filter((stage) => !one.committed.has(stage));
    const left = (times: StageTimes): StageTimes =>
      Object.fromEntries(open.flatMap((stage) => remaining(stage, times, one.current)));
    const branch = branchOf(run)?.run;
    const source = branch !== undefined && names.has(branch) ? branch : null;
    const at = { run: run.run, started: one.started, cooldown_s: run.cooldown_s, source };
    if (whole === null) return { ...at, stages: null, total: null, alone: null, base: null };
    const stages = left(whole.stages);
    return { ...at, stages, total: total(stages), alone: total(left(whole.alone)), base: whole.base };
  });
}

/** The whole time of a running stage. An eval's answers are not all of it. */
function measured(current: Current | null): Past['seconds'] {
  if (current === null || current.left_s === null || current.stage === 'eval') return {};
  return { [current.stage]: current.spent_s + current.left_s };
}

function remaining(stage: StageName, whole: StageTimes, current: Current | null): [StageName, Estimate][] {
  const estimate = whole[stage];
  if (estimate === undefined) return [];
  if (current?.stage !== stage) return [[stage, estimate]];
  const { spent_s, left_s } = current;
  const less = (seconds: number): number => Math.max(0.05 * seconds, seconds - spent_s);
  const rest = { ...estimate, seconds: less(estimate.seconds), low: less(estimate.low), high: less(estimate.high) };
  if (left_s === null) return [[stage, rest]];
  // The answers of an eval are not all of it: the cost is measured after them.
  return [[stage, stage === 'eval' && rest.seconds > left_s ? rest : bySlope(left_s)]];
}

function total(stages: StageTimes): Estimate {
  const all = Object.values(stages);
  const sum = (key: 'seconds' | 'low' | 'high'): number => all.reduce((seconds, one) => seconds + one[key], 0);
  return { seconds: sum('seconds'), low: sum('low'), high: sum('high'), from: weakest(all) };
}

/** The source that makes a sum the least certain, of the stages that take the longest. */
function weakest(all: readonly Estimate[]): EstimateSource {
  const whole = all.reduce((sum, { seconds }) => sum + seconds, 0);
  const counts = all.filter(({ seconds }) => seconds >= 0.1 * whole);
  const rank = Math.max(0, ...counts.map(({ from }) => estimateSources.indexOf(from)));
  return estimateSources[rank] ?? 'rule of thumb';
}

function endAt(times: readonly RunTime[], now: number, key: 'seconds' | 'low' | 'high'): string | null {
  if (times.length === 0) return null;
  let at = now;
  for (const [index, { total, cooldown_s }] of times.entries()) {
    if (total === null) return null;
    at += 1000 * (total[key] + (index < times.length - 1 ? cooldown_s : 0));
  }
  return new Date(at).toISOString();
}

/** Whether a run that starts now, before all others, is finished by then, at the upper end of its estimate. */
export const endsBy = ({ alone }: Pick<RunTime, 'alone'>, now: number, until: number): boolean =>
  fits(alone, now, until);

const fits = (takes: Estimate | null, now: number, until: number): boolean =>
  takes !== null && now + 1000 * takes.high <= until;

/** The runs of a night that do not start, since they would not be finished by then. */
export function lateRuns({ times, now }: Pick<NightView, 'times' | 'now'>, until: number): RunTime[] {
  const late = new Map<string, RunTime>();
  const asked = new Set<string>();
  let at = now;
  for (const one of times) {
    const waits = one.source !== null && late.has(one.source);
    const takes = one.base !== null && asked.has(one.base) ? one.total : one.alone;
    if (!one.started && (waits || !fits(takes, at, until))) late.set(one.run, one);
    else {
      at += 1000 * ((takes?.seconds ?? 0) + one.cooldown_s);
      if (one.base !== null) asked.add(one.base);
    }
  }
  return [...late.values()];
}
