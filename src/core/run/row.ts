import { cancelled, type Row } from '../../events/row.ts';
import type { JournalLine, Manifest } from '../../events/run.ts';
import { type Made, type StageName, stageNames, stages } from '../../events/stages.ts';
import { judge } from '../config/criteria.ts';
import { custodyOf, type Manifests, ownManifests, versionsOf } from './custody.ts';
import { currentLines, ending, laterWarnings, type RunState } from './due.ts';
import { baselineOf, figuresOf } from './figures.ts';
import { finalModelOf, type Outside, type PartStage } from './lineage.ts';
import { peakBytes } from './outputs.ts';

/** The data for a row. Everything was read from disk before. This file only decides what it means. */
export interface RowInput {
  readonly state: RunState;
  readonly manifests: Manifests;
  /** The folder from outside with which the run, or the one it comes from, began. */
  readonly outside: Outside | null;
  /** Why the manifest of a committed stage cannot be read, by stage. */
  readonly unreadable?: Readonly<Partial<Record<StageName, string>>>;
  /** The rows of the phase that is the baseline, if one is. */
  readonly rows: readonly Row[];
  readonly ended: string;
  /** Warnings of the phase's acceptance. */
  readonly accepted?: readonly string[];
}

const logLines = 20;

/** The row of a finished run. Throws for any other run: a row is only made when `due` says results. */
export function makeRow(input: RowInput): Row {
  const { run } = input.state;
  const measured: Omit<Row, 'baseline' | 'verdict' | 'outcome' | 'verdict_reason'> = {
    run: run.run,
    phase: run.phase,
    seed: run.seed,
    variant: run.variant,
    model: run.model?.source ?? null,
    from: run.from,
    status: statusOf(input),
    score_by: run.settings.eval.score_by,
    ...scores(made(input, 'eval')),
    checkpoint: checkpointOf(input),
    selection: selectionOf(made(input, 'select')),
    cost: made(input, 'eval')?.cost ?? null,
    idle_adapter: isIdle(made(input, 'eval')),
    metrics: { val_loss: made(input, 'train')?.val_loss ?? null, train_loss: made(input, 'train')?.train_loss ?? null },
    training: made(input, 'train')?.training ?? null,
    started: input.state.journal.find((line) => line.event === 'started')?.at ?? null,
    ended: input.ended,
    seconds: secondsOf(input),
    estimate: estimateOf(input),
    bytes: bytesOf(input),
    asked_again: made(input, 'eval')?.asked_again ?? null,
    eval_identity: made(input, 'eval')?.eval_identity ?? null,
    eval_parts: made(input, 'eval')?.eval_parts ?? null,
    custody: custodyOf({ run, manifests: input.manifests, iteration: checkpointOf(input) }),
    versions: versionsOf({ run, manifests: input.manifests }),
    profile: made(input, 'train')?.profile ?? null,
    warnings: warningsOf(input),
    error: errorOf(input),
  };
  const facts = { ...measured, baseline: baselineOf(run, measured, input.rows) };
  const judged =
    facts.status === 'done' && run.criteria !== null
      ? judge(run.criteria, figuresOf(facts))
      : { verdict: null, outcome: null, reason: null };
  return { ...facts, verdict: judged.verdict, outcome: judged.outcome, verdict_reason: judged.reason };
}

/** A committed folder counts more than the journal: a cancel after the last commit finds a run that is done. */
function statusOf(input: RowInput): Row['status'] {
  const { run, committed, journal } = input.state;
  if (run.chain.every((stage) => committed.has(stage))) return lostScore(input) === null ? 'done' : 'failed';
  const end = ending(journal);
  if (end === undefined) throw new Error(`${run.run} is not over yet: it cannot have a row`);
  return end.event === 'cancelled' ? 'cancelled' : 'failed';
}

function lostScore({ state, unreadable = {} }: RowInput): Row['error'] {
  const stage = state.run.chain.at(-1);
  const message = stage === undefined ? undefined : unreadable[stage];
  return stage === undefined || message === undefined
    ? null
    : { code: 'DAMAGED_FILE', message, stage, attempt: null, log: [] };
}

const own = ({ state, manifests }: RowInput): Manifest[] => ownManifests({ run: state.run, manifests });

function made<S extends StageName>({ manifests }: RowInput, stage: S): Made<S> | null {
  const manifest = manifests[stage];
  if (manifest === undefined) return null;
  const result = stages[stage].makes.safeParse(manifest.made);
  return result.success ? (result.data as Made<S>) : null;
}

function scores(evaluated: Made<'eval'> | null) {
  const score = evaluated?.score;
  // An engine may report no modes. Then they are unknown, and 0 would say that none occurred.
  const hasModes = score !== undefined && Object.values(score.modes).some((count) => count > 0);
  const base = evaluated?.base ?? null;
  return {
    overall: score?.overall ?? null,
    strict: score?.strict ?? null,
    categories: score?.categories ?? null,
    strict_categories: score?.strict_categories ?? null,
    modes: hasModes ? score.modes : null,
    category_modes: hasModes ? (score.category_modes ?? null) : null,
    base: base === null ? null : { ...base, strict_categories: base.strict_categories ?? null },
  };
}

/** The iteration of the evaluated weights: selected, or given with the adapter, or the last one. */
function checkpointOf(input: RowInput): number | null {
  const { outside } = input;
  if (outside !== null && 'adapter' in outside) return outside.checkpoint;
  const train = made(input, 'train');
  return made(input, 'select')?.iteration ?? train?.checkpoints.at(-1)?.iteration ?? train?.iterations ?? null;
}

/** By its weights. For a row of an earlier version, by the measured size of what the adapter changes. */
function isIdle(evaluated: Made<'eval'> | null): boolean | null {
  const { idle_adapter: known, cost } = evaluated ?? {};
  return known ?? (cost?.step === 0 ? true : null);
}

function selectionOf(select: Made<'select'> | null): Row['selection'] {
  if (select === null) return null;
  const { by, suite_sha256, same_suite, candidates, optimism } = select;
  return { by, suite_sha256, same_suite, candidates, optimism };
}

type Timed = Extract<JournalLine, { event: 'committed' | 'failed' }>;

/** Sum of all attempts of a stage. After a crash between commit and journal, only the manifest's own time is known. */
function secondsOf(input: RowInput): Record<string, number> {
  const { journal } = input.state;
  const timed = journal.filter((line): line is Timed => line.event === 'committed' || line.event === 'failed');
  const seconds = new Map<StageName, number>();
  const add = (stage: StageName, value: number) => seconds.set(stage, (seconds.get(stage) ?? 0) + value);
  for (const line of timed) add(line.stage, line.seconds);
  for (const { stage, attempt, seconds: value } of own(input)) {
    const isNoted = timed.some(
      (line) => line.event === 'committed' && line.stage === stage && line.attempt === attempt,
    );
    if (!isNoted) add(stage, value);
  }
  return Object.fromEntries([...seconds].sort(([a], [b]) => stageNames.indexOf(a) - stageNames.indexOf(b)));
}

/** The first estimate, which was made before anything of the run was known. */
function estimateOf(input: RowInput): Row['estimate'] {
  const line = input.state.journal.find((one) => one.event === 'started');
  if (line?.event !== 'started' || line.estimate === undefined) return null;
  const taken = secondsOf(input);
  const { seconds, from } = line.estimate;
  const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0);
  const stages = Object.entries(seconds).map(
    ([stage, value]) => [stage, { seconds: value, taken: taken[stage] ?? null }] as const,
  );
  return {
    seconds: sum(Object.values(seconds)),
    taken: sum(Object.values(taken)),
    stages: Object.fromEntries(stages),
    from,
  };
}

function bytesOf(input: RowInput): Row['bytes'] {
  const manifests = own(input);
  return {
    temp_peak: peakBytes(manifests, (manifest) => manifest.peak_bytes),
    estimated_peak: peakBytes(manifests, (manifest) => manifest.estimated_bytes),
    final: finalBytes(input),
  };
}

/** The final model that the run made itself, or its adapter if base and adapter are served together. */
function finalBytes(input: RowInput): number | null {
  const { run } = input.state;
  const pathOf = (part: Made<PartStage> | null): string | undefined =>
    part === null ? undefined : 'adapter' in part ? part.adapter : part.model;
  const final = finalModelOf({
    made: (stage) => (run.chain.includes(stage) ? pathOf(made(input, stage)) : undefined),
    outside: null,
    fuses: run.settings.fuse.mode !== 'none',
  });
  const last = final?.kind === 'adapter' ? final.adapter : final;
  if (last?.kind !== 'made') return null;
  const { stage, at: path } = last;
  const outputs = input.manifests[stage]?.outputs ?? [];
  const files = outputs.filter((output) => path === '.' || output.path === path || output.path.startsWith(`${path}/`));
  return files.reduce((sum, output) => sum + output.bytes, 0);
}

function warningsOf(input: RowInput): string[] {
  const unread = own(input).filter(({ stage }) => made(input, stage) === null);
  const warnings = [
    ...(input.accepted ?? []),
    ...laterWarnings(input.state.journal),
    ...(made(input, 'train')?.warm_restart
      ? ['warm start: training began with given weights, a new optimizer state and iteration 1']
      : []),
    ...own(input).flatMap((manifest) => manifest.warnings),
    ...Object.values(input.unreadable ?? {}),
    ...unread.map(({ stage }) => `the manifest of ${stage} was written by another version: some figures are missing`),
  ];
  return [...new Set(warnings)];
}

function errorOf(input: RowInput): Row['error'] {
  const { state } = input;
  const end = ending(state.journal);
  const isWhole = state.run.chain.every((stage) => state.committed.has(stage));
  if (end === undefined || isWhole) return isWhole ? lostScore(input) : null;
  if (end.event === 'failed') {
    const { code, message, stage, attempt, log } = end;
    return { code, message, stage, attempt, log: log.slice(-logLines) };
  }
  if (end.event === 'source_failed')
    return { code: 'SOURCE_FAILED', message: end.message, stage: null, attempt: null, log: [] };
  const last = currentLines(state.journal).findLast((line) => 'stage' in line && 'attempt' in line);
  const where = last !== undefined && 'attempt' in last ? last : null;
  const hasStarted = state.journal.some((line) => 'attempt' in line);
  return {
    code: cancelled,
    message:
      where === null ? `cancelled before it ${hasStarted ? 'started again' : 'began'}` : `cancelled in ${where.stage}`,
    stage: where?.stage ?? null,
    attempt: where?.attempt ?? null,
    log: where?.event === 'failed' ? where.log.slice(-logLines) : [],
  };
}
