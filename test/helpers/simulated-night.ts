import { runDisk } from '../../src/core/mlx/estimate.ts';
import type { ModelShape } from '../../src/core/mlx/model-shape.ts';
import { shapeOfName } from '../../src/core/mlx/model-shape.ts';
import { endsBy, type NightInput, type NightRun, nightOf } from '../../src/core/plan/night.ts';
import type { Recipe } from '../../src/core/plan/pace.ts';
import type { Past } from '../../src/core/plan/stage-seconds.ts';
import type { Run } from '../../src/events/run.ts';
import { savedIterations, withDefaults } from '../../src/events/stages/train.ts';
import type { StageName } from '../../src/events/stages.ts';

/** How fast a machine really is with a model, in seconds. */
export interface Speeds {
  readonly iteration: number;
  readonly validation: number;
  readonly answer: number;
  readonly load: number;
  readonly fuse: number;
  /** A part of each time that differs from run to run, such as 0.05. */
  readonly noise: number;
}

export const shapeOf = (run: Run): ModelShape => {
  const shape = shapeOfName(run.model?.source ?? '');
  if (shape === null) throw new Error(`the size of ${run.model?.source} is not known`);
  return shape;
};

export const prompts = 27;

/** A run of a night, as far as a plan knows it. */
export function nightRun(run: Run, changed: Partial<NightRun> = {}): NightRun {
  return {
    recipe: { run, shape: shapeOf(run), prompts, choosing: 8, validRows: 123, rehearsed: null },
    ...{ committed: new Set<StageName>(), taken: {}, started: false, current: null, disk: runDisk(shapeOf(run), run) },
    ...changed,
  };
}

/** What a night is estimated from, with nothing known before it. */
export const input = (runs: readonly NightRun[], changed: Partial<NightInput> = {}): NightInput => ({
  ...{ now: 0, runs, left: [], past: [], space: { usable: null, kept: new Map() }, memory: null },
  ...changed,
});

/** The seconds that a stage really takes. */
function truth(run: Run, stage: StageName, speeds: Speeds): number {
  const train = withDefaults(run.settings.train ?? {}, run.train_defaults);
  const validations = 1 + Math.ceil(train.iters / train.steps_per_eval);
  switch (stage) {
    case 'train':
      return speeds.load + train.iters * speeds.iteration + validations * train.val_batches * speeds.validation;
    case 'select':
      return savedIterations(train).length * (speeds.load + 8 * speeds.answer);
    case 'fuse':
      return speeds.load + speeds.fuse;
    case 'quantize':
      return speeds.load + 0.3 * speeds.fuse;
    case 'eval':
      return speeds.load + prompts * run.settings.eval.repeats * speeds.answer;
    default:
      return 1;
  }
}

/** A night that passes on a clock of its own. */
export interface Simulation {
  /** Seconds since its start. */
  now(): number;
  /** Its estimate at this moment. */
  estimate(): ReturnType<typeof nightOf>;
  /** Works until `seconds` have passed, or to its end. With `until`, runs that do not end by then do not start. */
  pass(seconds: number): void;
  /** Runs that have ended, and when. */
  readonly ended: readonly { readonly run: string; readonly at: number }[];
}

interface Options {
  readonly past?: readonly Past[];
  /** Seconds since its start. */
  readonly until?: number;
}

/** Simulates a queue of runs on a machine whose speeds are known by model. */
export function simulate(
  runs: readonly Run[],
  speedsOf: (run: Run) => Speeds,
  { past: before = [], until }: Options = {},
): Simulation {
  // Times differ by run, the same in each simulation.
  const factor = (run: Run, nth: number): number => 1 + speedsOf(run).noise * Math.sin(7 * runs.indexOf(run) + 3 * nth);
  const past: Past[] = [...before];
  const ended: { run: string; at: number }[] = [];
  const waiting = [...runs];
  let [clock, run, done, spent] = [0, undefined as Run | undefined, [] as StageName[], 0];
  let taken: Record<string, number> = {};
  const takes = (one: Run, stage: StageName): number =>
    truth(one, stage, speedsOf(one)) * factor(one, one.chain.indexOf(stage));
  const stageNow = (): StageName | undefined => run?.chain[done.length];
  const asNow = (one: Run): NightRun => {
    const stage = stageNow();
    if (one !== run || stage === undefined) return nightRun(one);
    // mlx_lm reports every 10 iterations, so that a slope is known after the first of them.
    const left = stage === 'train' && spent > 60 ? takes(one, stage) - spent : null;
    return nightRun(one, {
      ...{ started: true, committed: new Set(done), taken },
      current: { stage, spent_s: spent, left_s: left, written: 0 },
    });
  };
  const estimate = () =>
    nightOf(input([...(run === undefined ? [] : [run]), ...waiting].map(asNow), { now: 1000 * clock, past }));
  const admit = (): boolean => {
    const times = until === undefined ? null : estimate().times;
    const at = waiting.findIndex(({ run: name }) => {
      const time = times?.find((one) => one.run === name);
      return times === null || (time !== undefined && endsBy(time, 1000 * clock, 1000 * (until ?? 0)));
    });
    if (at < 0) return false;
    [run] = waiting.splice(at, 1);
    [done, spent, taken] = [[], 0, {}];
    return true;
  };
  const finish = (one: Run): void => {
    const recipe: Recipe = nightRun(one).recipe;
    past.push({ recipe, seconds: taken });
    ended.push({ run: one.run, at: clock });
    run = undefined;
  };
  return {
    now: () => clock,
    estimate,
    ended,
    pass(seconds) {
      while (clock < seconds) {
        if (run === undefined && !admit()) return;
        const stage = stageNow();
        if (run === undefined) return;
        if (stage === undefined) {
          finish(run);
          continue;
        }
        const step = Math.min(takes(run, stage) - spent, seconds - clock);
        [clock, spent] = [clock + step, spent + step];
        if (spent < takes(run, stage) - 1e-6) return;
        taken[stage] = takes(run, stage);
        done = [...done, stage];
        spent = 0;
      }
    },
  };
}
