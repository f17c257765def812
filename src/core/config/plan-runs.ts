import type { Phase } from '../../events/phase.ts';
import type { Run } from '../../events/run.ts';
import { type StageName, sectionNames, stageNames, stages } from '../../events/stages.ts';
import { isSame, type Mapping } from '../mapping.ts';
import type { RunDraft } from './lookups.ts';

type Settings = Run['settings'];

/** Where the runs of a phase begin. `done` is the last stage that already exists, or null. */
export interface Start {
  readonly from: Run['from'];
  readonly done: StageName | null;
  readonly model: Run['model'];
  readonly data: Run['data'];
  readonly min_rows: Run['min_rows'];
}

export interface Variant {
  readonly name: string;
  readonly settings: Settings;
}

/** A phase with all references resolved: its runs are made from it. */
export interface ResolvedPhase {
  readonly phase: Phase;
  readonly start: Start;
  readonly settings: Settings;
  readonly variants: readonly Variant[];
  /** mlx_lm's defaults for the training, own or inherited. A setting with the same value is not a difference. */
  readonly trainDefaults: Mapping;
  /** Whether the figures of the baseline were measured on the suite of this path. Absent if not known. */
  readonly comparable: ReadonlyMap<string, boolean>;
}

const place = (stage: StageName | null): number => (stage === null ? -1 : stageNames.indexOf(stage));

/** The seeds of a phase as a list: a number n means 0..n-1, and none means [0]. */
export function seedList(seeds: unknown): number[] {
  if (typeof seeds === 'number') return Array.from({ length: seeds }, (_, seed) => seed);
  return Array.isArray(seeds) ? seeds.filter((seed) => typeof seed === 'number') : [0];
}

/** `43a-s0`, `43a-s0.2` for the second run of a seed, `43a-s0-q4` for a variant. */
export function runId(phase: string, seed: { seed: number; k: number }, variant: string | null): string {
  const repeat = seed.k === 1 ? '' : `.${seed.k}`;
  return `${phase}-s${seed.seed}${repeat}${variant === null ? '' : `-${variant}`}`;
}

/** The parts of a run id, or null. Variants are never s + digits, so the last `-s<seed>` counts. */
export function readRunId(id: string): { readonly phase: string; readonly variant: string | null } | null {
  const [, phase, variant = null] = /^(.+)-s\d+(?:\.\d+)?(?:-([a-z][a-z0-9_]*))?$/.exec(id) ?? [];
  return phase === undefined ? null : { phase, variant };
}

/** The phase's name in a run id, or null. */
export const phaseOfRun = (id: string): string | null => readRunId(id)?.phase ?? null;

/** The stages of a run after those that already exist. */
export function chainAfter(done: StageName | null, settings: Settings): StageName[] {
  const chain: StageName[] = [];
  for (const stage of stageNames) {
    const { branches, wanted } = stages[stage];
    // Each run does itself what no other run can begin after.
    if ((!branches || place(stage) > place(done)) && wanted(settings, chain)) chain.push(stage);
  }
  return chain;
}

/** The settings that reach a tool: bits have no meaning without a fuse, and a group size none without bits. */
export function effective(settings: Settings, trainDefaults: Mapping): Settings {
  const { mode, q_bits, q_group_size } = settings.fuse;
  const bits = mode === 'none' ? null : q_bits;
  return {
    ...settings,
    train: settings.train === null ? null : { ...trainDefaults, ...settings.train },
    fuse: { mode, q_bits: bits, q_group_size: bits === null ? 64 : q_group_size },
  };
}

/** The first stage whose settings differ, or null. */
export function firstDifference(a: Settings, b: Settings): StageName | null {
  return sectionNames.find((stage) => !isSame(a[stage], b[stage])) ?? null;
}

/** All runs of a phase: seed by seed, the plain run first, then its variants in their order. */
export function planRuns(resolved: ResolvedPhase): RunDraft[] {
  const seen = new Map<number, number>();
  return seedList(resolved.phase.seeds).flatMap((seed) => {
    const k = (seen.get(seed) ?? 0) + 1;
    seen.set(seed, k);
    const plain = draft(resolved, { seed, k, variant: null });
    return [plain, ...resolved.variants.map((variant) => branch(resolved, plain, { seed, k, variant }))];
  });
}

interface Place {
  readonly seed: number;
  readonly k: number;
  readonly variant: Variant | null;
}

function draft(resolved: ResolvedPhase, { seed, k, variant }: Place): RunDraft {
  const { phase, start, settings, trainDefaults, comparable } = resolved;
  const own = variant?.settings ?? settings;
  return {
    run: runId(phase.phase, { seed, k }, variant?.name ?? null),
    phase: phase.phase,
    seed,
    variant: variant?.name ?? null,
    title: phase.title ?? null,
    hypothesis: phase.hypothesis ?? null,
    model: start.model,
    data: start.data,
    min_rows: start.min_rows,
    from: start.from,
    chain: chainAfter(start.done, own),
    settings: own,
    // Left out where there are none, as in what 0.1.0 wrote.
    ...(Object.keys(trainDefaults).length > 0 && { train_defaults: { ...trainDefaults } }),
    criteria: phase.criteria ?? null,
    baseline: baselineOf(phase, comparable.get(own.eval.suite)),
    env: phase.env,
    preflight: phase.preflight,
    cooldown_s: phase.cooldown_s,
    ...(phase.memory_gb !== undefined && { memory_gb: phase.memory_gb }),
  };
}

/** A variant starts from its plain run, after the last stage before the first that differs. */
function branch(resolved: ResolvedPhase, plain: RunDraft, at: Place & { readonly variant: Variant }): RunDraft {
  const own = draft(resolved, at);
  const { trainDefaults } = resolved;
  const first = firstDifference(effective(plain.settings, trainDefaults), effective(own.settings, trainDefaults));
  const after = plain.chain.filter((stage) => stages[stage].branches && place(stage) < place(first)).at(-1);
  if (after === undefined) return own;
  return { ...own, from: { run: plain.run, after }, chain: chainAfter(after, own.settings) };
}

function baselineOf({ baseline }: Phase, comparable: boolean | undefined): RunDraft['baseline'] {
  if (baseline === undefined || typeof baseline === 'string') return baseline ?? null;
  const { name, overall = null, categories, suite } = baseline;
  // Unknown values are left out, so that an unchanged config keeps the hash that it had before the key existed.
  return { name, overall, categories, ...(suite && { suite }), ...(comparable !== undefined && { comparable }) };
}
