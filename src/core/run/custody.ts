import type { Row } from '../../events/row.ts';
import type { Manifest, Run } from '../../events/run.ts';
import type { StageName } from '../../events/stages.ts';
import { canonicalJson } from '../json.ts';

/** Manifests of committed stages: a run's own, and those of the runs that it comes from. */
export type Manifests = Readonly<Partial<Record<StageName, Manifest>>>;

/** What is known of a run, finished or not: its plan, and the manifests of committed stages. */
export interface Noted {
  readonly run: Run;
  readonly manifests: Manifests;
}

/** Stages that read the base model and record its hash. */
export const baseReaders: readonly StageName[] = ['train', 'fuse', 'eval'];

/** Inputs and outputs, and how they were verified, as the stages recorded it. Null if not known (yet). */
export function custodyOf({
  run,
  manifests,
  iteration,
}: Noted & { readonly iteration: number | null }): Row['custody'] {
  const input = (name: string, ...from: readonly StageName[]) =>
    from.map((stage) => manifests[stage]?.inputs[name]).find((hash) => hash !== undefined) ?? null;
  const adapter = input('adapter', 'fuse', 'eval');
  const last = ownManifests({ run, manifests }).at(-1);
  return {
    data: input('data', 'train'),
    base: input('base', ...baseReaders),
    adapter,
    iteration: adapter === null ? null : iteration,
    resume: input('resume_adapter_file', 'train'),
    model: input('model', 'eval'),
    suite: input('suite', 'eval'),
    prompts: input('prompts', 'eval'),
    prompts_date: asDate(manifests.eval?.made.prompts_date),
    config: last?.config_sha256 ?? null,
    server: manifests.eval?.servers.findLast(({ name }) => /^server(?:\.\d+)?$/.test(name)) ?? null,
    host: last?.host ?? null,
  };
}

const asDate = (value: unknown): string | null => (typeof value === 'string' ? value : null);

/** The tools of the run's own stages: `mlx`, `mlx_lm`, `transformers`, `python`, `phasebox` -> version. */
export function versionsOf(noted: Noted): Record<string, string> {
  return Object.assign({}, ...ownManifests(noted).map((manifest) => manifest.versions));
}

/** The run's own manifests, in the order of its chain. */
export const ownManifests = ({ run, manifests }: Noted): Manifest[] =>
  run.chain.flatMap((stage) => manifests[stage] ?? []);

/**
 * The text whose sha256 is the config hash: what the config asks of a run, without what only names it (run, phase,
 * title, file) and without its seed, so that the seeds of a phase share it. It has models, data and suite as written,
 * and their contents have hashes of their own. Canonical JSON.
 */
export function configText(run: Run): string {
  const { suite: _suite, ...evaluated } = run.settings.eval;
  return canonicalJson({
    model: run.model === null ? null : { source: run.model.source, revision: run.model.revision },
    data: run.data?.source ?? null,
    min_rows: run.min_rows,
    from: run.from,
    chain: run.chain,
    settings: { ...run.settings, eval: evaluated },
    criteria: run.criteria,
    baseline: run.baseline,
    env: run.env,
    preflight: run.preflight,
    cooldown_s: run.cooldown_s,
  });
}
