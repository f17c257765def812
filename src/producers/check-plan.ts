import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { RunDraft } from '../core/config/lookups.ts';
import { phaseChanges } from '../core/config/phase-changes.ts';
import type { PhasePlan } from '../core/config/read-config.ts';
import { canonicalJson } from '../core/json.ts';
import type { Mapping } from '../core/mapping.ts';
import type { PhaseRecord } from '../events/run.ts';
import { phaseFolder, readPhaseRecord } from '../io/artifacts/phase-store.ts';
import { readRun } from '../io/artifacts/run-folder.ts';
import { inParallel } from '../io/disk/in-parallel.ts';
import { isNameOf } from './claim.ts';
import { whyItStays } from './replace.ts';

/** What a plan means for an accepted phase of its name: the runs to make and those that exist, or why not. */
export type PlanCheck =
  | {
      readonly ok: true;
      /** The accepted phase makes way: all runs are new. */
      readonly replaces: boolean;
      readonly fresh: readonly RunDraft[];
      readonly known: readonly string[];
    }
  | { readonly ok: false; readonly reasons: string };

/**
 * More seeds or variants mean new runs, an earlier file none. Removed runs return. Other changes replace the phase, or are
 * refused if it must stay.
 */
export async function checkPlan(plan: PhasePlan, before: KnownPhase, file: string): Promise<PlanCheck> {
  const { record, batches, removed } = before;
  if (record === null) return { ok: true, replaces: false, fresh: plan.runs, known: [] };
  const { changed, missing } = phaseChanges(record.config, plan.config);
  const asBefore = changed.length === 0 && batches.some((batch) => isSameSet(batch, plan.runs));
  if (!asBefore && changed.length + missing.length > 0) {
    // A copy in which `phase` was not changed yet must not replace what it was copied from.
    const isCorrected = record.phase === plan.phase && isNameOf(file, record.file);
    const why = isCorrected
      ? await before.whyItStays()
      : `Only a file of the name ${record.file} with \`phase: ${record.phase}\` can replace it.`;
    if (why === null) return { ok: true, replaces: true, fresh: plan.runs, known: [] };
    return { ok: false, reasons: changedPhase(file, record, { changes: [...changed, ...missing], why }) };
  }
  const known = new Set(record.runs.filter((run) => !removed.has(run)));
  return {
    ok: true,
    replaces: false,
    fresh: plan.runs.filter(({ run }) => !known.has(run)),
    known: plan.runs.map(({ run }) => run).filter((run) => known.has(run)),
  };
}

/** What was accepted under a phase's name. */
export interface KnownPhase {
  /** Null if nothing was. */
  readonly record: PhaseRecord | null;
  /** The runs after each acceptance. */
  readonly batches: readonly ReadonlySet<string>[];
  /** Runs whose folder was removed since. */
  readonly removed: ReadonlySet<string>;
  /** A sentence if a changed file may not replace the phase, else null. */
  readonly whyItStays: () => Promise<string | null>;
}

function isSameSet(batch: ReadonlySet<string>, runs: readonly RunDraft[]): boolean {
  return batch.size === runs.length && runs.every(({ run }) => batch.has(run));
}

/** Reads what was accepted. `folder` is where the phase is, or will be. Its record has runs in order of acceptance. */
export async function knownPhase(artifacts: string, phase: string): Promise<KnownPhase & { readonly folder: string }> {
  const existing = await phaseFolder(artifacts, phase);
  const folder = existing ?? join(artifacts, phase);
  const record = existing === null ? null : await readPhaseRecord(existing);
  const runs = record?.runs ?? [];
  const plans = await inParallel(runs, (run) => readRun(join(folder, run)));
  // The file of a removed run is no longer known: it may have been a file of its own.
  const isLast = (index: number): boolean => (plans[index]?.file ?? index) !== (plans[index + 1]?.file ?? index + 1);
  return {
    folder,
    record,
    batches: runs.flatMap((_, index) => (isLast(index) ? [new Set(runs.slice(0, index + 1))] : [])),
    removed: new Set(runs.filter((_, index) => plans[index] === null)),
    whyItStays: async () => (record === null ? null : whyItStays(artifacts, record)),
  };
}

/** phase.json after this plan. A file of an earlier acceptance removes no seed or variant. */
export function recordOf(plan: PhasePlan, before: PhaseRecord | null, file: { acceptedAs: string }): PhaseRecord {
  const own = plan.runs.map(({ run }) => run);
  const runs = [...new Set([...(before?.runs ?? []), ...own])];
  const config = before !== null && runs.length > own.length ? before.config : { ...plan.config };
  const kept = plan.warnings.filter((warning) => !plan.transient?.includes(warning));
  return {
    version: 1,
    phase: plan.phase,
    accepted: before?.accepted ?? new Date().toISOString(),
    file: before?.file ?? file.acceptedAs,
    config,
    criteria_sha256: criteriaHash(plan.config),
    runs,
    warnings: [...new Set([...(before?.warnings ?? []), ...kept])],
  };
}

/** Hash of gate, outcomes and baseline, so that a later change of the criteria is visible. */
function criteriaHash(config: Mapping): string {
  const { criteria = null, baseline = null } = config;
  return createHash('sha256').update(canonicalJson({ criteria, baseline })).digest('hex');
}

interface Refused {
  readonly changes: readonly string[];
  readonly why: string;
}

function changedPhase(file: string, record: PhaseRecord, { changes, why }: Refused): string {
  return [
    `${file}: phase ${record.phase} was accepted before (${record.file}, ${record.accepted.slice(0, 16)}Z), and this file changes it:`,
    ...changes.map((line) => `  ${line}`),
    why,
    'A changed file replaces a phase only as long as nothing of it has run, so that results stay comparable. Otherwise',
    'submit the changed config under a new phase name (`phase: ...`), or add the change as a variant, such as another',
    'suite or temperature. Seeds and variants can be added to a phase if nothing else changes.',
    '',
  ].join('\n');
}
