import type { EstimateSource } from '../../events/run.ts';
import type { Pace } from '../../events/stages/stage-row.ts';
import { type StageName, stages } from '../../events/stages.ts';
import { paceOf, type Recipe, rehearsedPace, type TimedRun } from './pace.ts';

/** Stages that took so many seconds on this machine. */
export interface Past {
  readonly recipe: Recipe;
  readonly seconds: Readonly<Partial<Record<string, number>>>;
}

/** Seconds that a stage still takes, and between which it probably is. */
export interface Estimate {
  readonly seconds: number;
  readonly low: number;
  readonly high: number;
  readonly from: EstimateSource;
}

/** Shares of an estimate between which the truth probably is. */
type Spread = readonly [number, number];
const spreads = {
  slope: [0.9, 1.1],
  rehearsal: [0.9, 1.25],
  sameRecipe: [0.9, 1.15],
  sameModel: [0.75, 1.35],
  otherModel: [0.55, 1.9],
  otherStage: [0.5, 2.2],
  rule: [0.35, 2.5],
} as const satisfies Record<string, Spread>;

const within = (seconds: number, [low, high]: Spread, from: EstimateSource): Estimate => ({
  ...{ seconds, low: seconds * low, high: seconds * high, from },
});

/** What is left by a stage's own reports. */
export const bySlope = (seconds: number): Estimate => within(seconds, spreads.slope, 'measured slope');

/** Estimates the stages of runs. */
export interface Estimator {
  /** The stages of the next run of a night. Null if nothing is known of the model's size. */
  next(recipe: Recipe): NextStages | null;
}

export type StageTimes = Readonly<Partial<Record<StageName, Estimate>>>;

/** The stages of a run of a night. A base model is asked once, by the first run that needs its score. */
export interface NextStages {
  readonly stages: StageTimes;
  /** The same if none of the runs before it in this night works. */
  readonly alone: StageTimes;
  /** Runs with the same key share the score of a base model. Null if none is asked. */
  readonly base: string | null;
}

/** So many earlier times count, the newest. */
const mostKept = 5;

/** Shares of the rule of thumb that earlier runs took. */
type Ratios = Map<string, number[]>;

/**
 * The estimates of a night. A stage is estimated by earlier runs of the same recipe, then by a rehearsal, then by runs
 * of the same model, of any model, and by the other stages of this machine, then by a rule of thumb. All are scaled by
 * the rule.
 */
export function openEstimator(past: readonly Past[]): Estimator {
  const ratios: Ratios = new Map();
  const asked = new Set<string>();
  const asksBase = ({ run }: Recipe): boolean => {
    const base = baseKey(run);
    const asks = base !== null && !asked.has(base);
    if (base !== null) asked.add(base);
    return asks;
  };
  for (const { recipe, seconds } of past) {
    const pace = paceOf(recipe, asksBase(recipe));
    if (pace === null) continue;
    for (const stage of recipe.run.chain) {
      const spent = seconds[stage];
      if (spent === undefined) continue;
      const keys = keysOf(recipe.run, stage);
      // Stages without a model say nothing about how fast the machine is with one.
      note(ratios, stages[stage].loadsModel ? keys : keys.slice(0, -1), spent / ruleOf(recipe.run, stage, pace));
    }
  }
  const askedBefore: ReadonlySet<string> = new Set(asked);
  const known = new Map<string, StageTimes | null>();
  const estimated = (recipe: Recipe, asks: boolean): StageTimes | null => {
    const key = recipeKey(recipe, asks);
    const found = known.get(key) ?? estimates(recipe, asks, ratios);
    known.set(key, found);
    return found;
  };
  return {
    next(recipe) {
      const base = baseKey(recipe.run);
      const stages = estimated(recipe, asksBase(recipe));
      const alone = estimated(recipe, base !== null && !askedBefore.has(base));
      return stages === null || alone === null ? null : { stages, alone, base };
    },
  };
}

function estimates(recipe: Recipe, asksBase: boolean, ratios: Ratios): StageTimes | null {
  const pace = paceOf(recipe, asksBase);
  if (pace === null) return null;
  return Object.fromEntries(
    recipe.run.chain.map((stage) => [stage, estimate(recipe, stage, { pace, ratios })] as const),
  );
}

/** Everything that an estimate follows from. */
function recipeKey({ run, shape, rehearsed, prompts, choosing, validRows }: Recipe, asksBase: boolean): string {
  const { model, data, settings, train_defaults, chain } = run;
  const counts = [prompts, choosing, validRows, asksBase, shape === null, rehearsed === null ? null : keyOf(rehearsed)];
  const defaults = train_defaults === undefined ? '' : keyOf(train_defaults);
  return [model?.source, data?.folder, chain.join(), ...counts, defaults, keyOf(settings)].join('\n');
}

const ruleOf = (run: TimedRun, stage: StageName, pace: Pace): number => Math.max(0.1, stages[stage].seconds(run, pace));

/** Short names for settings, by content: a night may have thousands of runs, whose seeds share their settings. */
const settingsKeys = new WeakMap<object, number>();
const names = new Map<string, number>();

function keyOf(settings: object): number {
  const known = settingsKeys.get(settings);
  if (known !== undefined) return known;
  const text = JSON.stringify(settings);
  const key = names.get(text) ?? names.size;
  names.set(text, key);
  settingsKeys.set(settings, key);
  return key;
}

/** The score of a base model is shared by all runs with the same model and eval settings. Null if it is not asked. */
function baseKey({ model, settings, chain }: TimedRun): string | null {
  if (model === null || !settings.eval.base || !chain.includes('eval')) return null;
  return `${model.source} ${keyOf(settings.eval)}`;
}

/** From the narrowest to the widest: the same recipe, the same model, any model, and any stage on this machine. */
function keysOf(
  { model, data, settings, train_defaults }: TimedRun,
  stage: StageName,
): [string, string, string, string] {
  const { train, select, fuse, eval: asked } = settings;
  const parts: Partial<Record<StageName, readonly (object | null | undefined)[]>> = {
    train: [train, train_defaults],
    select: [train, select, asked],
    eval: [fuse, asked],
  };
  const recipe = (parts[stage] ?? [fuse]).map((one) => (one ? keyOf(one) : '')).join(' ');
  const ofModel = `${stage} ${model?.source ?? ''}`;
  return [`${ofModel} ${stage === 'train' ? data?.folder : ''} ${recipe}`, ofModel, stage, 'machine'];
}

function note(ratios: Ratios, keys: readonly string[], ratio: number): void {
  for (const key of keys) ratios.set(key, [...(ratios.get(key) ?? []), ratio].slice(-mostKept));
}

function estimate(
  { run, rehearsed }: Recipe,
  stage: StageName,
  { pace, ratios }: { readonly pace: Pace; readonly ratios: Ratios },
): Estimate {
  const rule = ruleOf(run, stage, pace);
  const [same, model, stages, machine] = keysOf(run, stage).map((key) => ratios.get(key) ?? []);
  if (same !== undefined && same.length > 0) return byRatios(rule, same, spreads.sameRecipe);
  const own = rehearsedPace(pace, stage, rehearsed);
  if (own !== null) return within(ruleOf(run, stage, own), spreads.rehearsal, 'rehearsal');
  if (model !== undefined && model.length > 0) return byRatios(rule, model, spreads.sameModel);
  if (stages !== undefined && stages.length > 0) return byRatios(rule, stages, spreads.otherModel);
  if (machine !== undefined && machine.length > 0) return byRatios(rule, machine, spreads.otherStage);
  return within(rule, spreads.rule, 'rule of thumb');
}

/** The middle of the earlier times, at least as uncertain as they differ. */
function byRatios(rule: number, ratios: readonly number[], spread: Spread): Estimate {
  const sorted = ratios.toSorted((a, b) => a - b);
  const middle = sorted[Math.floor((sorted.length - 1) / 2)] ?? 1;
  const usual = within(rule * middle, spread, 'history');
  const [low, high] = [rule * Math.min(...sorted), rule * Math.max(...sorted)];
  return { ...usual, low: Math.min(low, usual.low), high: Math.max(high, usual.high) };
}
