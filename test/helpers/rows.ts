import type { Row } from '../../src/events/row.ts';
import type { Manifest, Run } from '../../src/events/run.ts';
import { modes } from '../../src/events/score.ts';
import type { StageName } from '../../src/events/stages.ts';

export const at = (minute: number): string => new Date(Date.UTC(2026, 10, 21, 22, minute)).toISOString();

/** Counts of modes, the others 0. */
export const modeCounts = (some: Partial<Record<(typeof modes)[number], number>>): NonNullable<Row['modes']> =>
  Object.fromEntries(modes.map((mode) => [mode, some[mode] ?? 0])) as NonNullable<Row['modes']>;

/** The plan of a run of phase 43a, with changes. */
export function makeRun(changed: Partial<Run> = {}): Run {
  return {
    version: 1,
    run: '43a-s0',
    phase: '43a',
    seed: 0,
    variant: null,
    number: 1,
    accepted: at(0),
    file: 'inbox/accepted/43a.yaml',
    title: null,
    hypothesis: null,
    model: { source: 'org/Coder-30B', folder: '/models/coder', revision: null, download: false },
    data: { source: 'data/phase33', folder: '/ws/data/phase33' },
    min_rows: {},
    from: null,
    chain: ['train', 'fuse', 'cleanup', 'eval'],
    settings: {
      train: { iters: 800 },
      select: { by: 'last' },
      fuse: { mode: 'direct', q_bits: 5, q_group_size: 64 },
      cleanup: { keep_checkpoints: 'all', keep_model: 'all' },
      eval: {
        suite: '/ws/suite.yaml',
        temperature: 0,
        max_tokens: 512,
        timeout_s: 120,
        retries: 2,
        repeats: 1,
        concurrency: 1,
        score_by: 'lenient',
        stop: [],
        chat_template_args: {},
        base: true,
        cost: true,
      },
    },
    criteria: null,
    baseline: null,
    env: {},
    preflight: [],
    cooldown_s: 0,
    ...changed,
  };
}

/** The manifest of a stage of 43a-s0, with changes. */
export function makeManifest(stage: StageName, changed: Partial<Manifest> = {}): Manifest {
  return {
    version: 1,
    run: '43a-s0',
    stage,
    attempt: 1,
    inputs: {},
    outputs: [],
    commands: [],
    versions: { 'mlx-lm': '0.32.2' },
    host: null,
    servers: [],
    config_sha256: null,
    started: at(0),
    ended: at(1),
    seconds: 60,
    peak_bytes: 0,
    estimated_bytes: null,
    warnings: [],
    made: {},
    removed: null,
    ...changed,
  };
}

/** Nothing known of what was used. */
export const noCustody: Row['custody'] = {
  ...{ data: null, base: null, adapter: null, iteration: null, resume: null, model: null, suite: null },
  ...{ prompts: null, prompts_date: null, config: null, server: null, host: null },
};

/** A done row of 43a, with changes. */
export function makeRow(changed: Partial<Row> = {}): Row {
  return {
    run: '43a-s0',
    phase: '43a',
    seed: 0,
    variant: null,
    model: 'org/Coder-30B',
    from: null,
    status: 'done',
    score_by: 'lenient',
    overall: 82.4,
    strict: 80.6,
    categories: { domain: 60, git: 100 },
    strict_categories: { domain: 55, git: 100 },
    modes: modeCounts({ wrapped: 25, direct_call: 2 }),
    category_modes: null,
    base: null,
    baseline: null,
    checkpoint: 800,
    idle_adapter: null,
    training: null,
    selection: null,
    cost: null,
    metrics: { val_loss: 0.21, train_loss: 0.1 },
    verdict: null,
    outcome: null,
    verdict_reason: null,
    started: at(0),
    ended: at(50),
    seconds: { train: 2520, fuse: 115, cleanup: 1, eval: 260 },
    estimate: null,
    bytes: { temp_peak: 2 ** 30, estimated_peak: null, final: 20 * 2 ** 30 },
    asked_again: null,
    eval_identity: 'e'.repeat(64),
    eval_parts: null,
    custody: noCustody,
    versions: {},
    profile: null,
    warnings: [],
    error: null,
    ...changed,
  };
}
