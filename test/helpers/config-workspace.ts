import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { stringify } from 'yaml';
import { type Facts, type Lookups, withEarlier } from '../../src/core/config/lookups.ts';
import { formatProblems } from '../../src/core/config/problem.ts';
import { type ReadPlan, readConfig } from '../../src/core/config/read-config.ts';
import type { Rendering } from '../../src/core/score/rendering.ts';
import { openLookups } from '../../src/io/workspace/lookups.ts';
import { tempDir } from './temp.ts';
import { tinyModel } from './tiny-model.ts';

/** What python/facts.py printed with mlx-lm 0.32.2; test/io/facts.test.ts asks the real one. */
export const mlxFacts: Facts = {
  versions: { python: '3.11.7', mlx: '0.32.4', mlx_lm: '0.32.2' },
  defaults: {
    model: 'Qwen/Qwen3-0.6b',
    train: false,
    fine_tune_type: 'lora',
    optimizer: 'adam',
    optimizer_config: { adam: {}, adamw: {}, muon: {}, sgd: {}, adafactor: {} },
    data: 'mlx-community/WikiSQL',
    seed: 0,
    num_layers: 16,
    batch_size: 4,
    iters: 1000,
    val_batches: 25,
    learning_rate: 1e-5,
    steps_per_report: 10,
    steps_per_eval: 200,
    resume_adapter_file: null,
    adapter_path: 'adapters',
    save_every: 100,
    test: false,
    test_batches: 500,
    max_seq_length: 2048,
    config: null,
    grad_checkpoint: false,
    grad_accumulation_steps: 1,
    clear_cache_threshold: 0,
    lr_schedule: null,
    lora_parameters: { rank: 8, dropout: 0, scale: 20 },
    mask_prompt: false,
    report_to: null,
    project_name: null,
  },
  model_types: {
    modules: ['gemma4', 'llama', 'qwen2_vl', 'qwen3', 'qwen3_moe'],
    remapping: { mistral: 'llama', qwen2_5_vl: 'qwen2_vl' },
    architectures: [['bailing_hybrid', 'BailingMoeV3ForCausalLM', 'llama']],
    asks: true,
  },
  schedules: ['exponential_decay', 'step_decay', 'cosine_decay', 'linear_schedule'],
};

/** What python/render_prompts.py says of prompts that a template takes. */
export const plainRendering: Rendering = {
  ...{
    sha256: 'd'.repeat(64),
    tokens: {},
    refused: [],
    skipped: [],
    templated: true,
    dated: null,
    date_args: [],
    ignored: [],
  },
};

/** A suite in two categories. */
export const smallSuite = `suite: small
prompts:
  - { id: read, category: text_tools, prompt: Show a.py, expect: [read_file] }
  - { id: check, category: domain, prompt: Check a.py, expect: [check] }
`;

/** The shortest config that is right in a `configWorkspace`. */
export const plainConfig = {
  phase: '43a',
  model: 'models/tiny',
  data: 'data/rows',
  train: { iters: 20, learning_rate: 1e-4 },
  eval: { suite: 'suites/small.yaml' },
};

/** The same as a file. */
export const plainText = stringify(plainConfig);

export interface ConfigWorkspace {
  readonly root: string;
  readonly lookups: Lookups;
  /** Writes a file below the workspace. */
  write(path: string, text: string): Promise<void>;
  /** The plans of a right config (text, or an object written as YAML); throws its reasons else. */
  plan(config: string | object, earlier?: readonly ReadPlan[]): Promise<ReadPlan>;
  /** The reasons of a wrong one, as in .reasons.txt without the head line; throws when it is right. */
  reasons(config: string | object | Uint8Array, earlier?: readonly ReadPlan[]): Promise<string>;
  /** Accepts a config as far as later ones look it up: phase.json and run.json. */
  accept(config: string | object): Promise<ReadPlan>;
}

const bytesOf = (config: string | object): Uint8Array => {
  if (config instanceof Uint8Array) return config;
  return Buffer.from(typeof config === 'string' ? config : stringify(config));
};

/** A real workspace with a model, data and a suite that configs can name. */
export async function configWorkspace(): Promise<ConfigWorkspace> {
  const root = await tempDir('config');
  const artifacts = join(root, 'artifacts');
  const write = async (path: string, text: string): Promise<void> => {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  };
  await tinyModel(join(root, 'models/tiny'), { isMlx: false });
  await write('data/rows/train.jsonl', '{"text": "a"}\n'.repeat(8));
  await write('data/rows/valid.jsonl', '{"text": "b"}\n'.repeat(8));
  await write('suites/small.yaml', smallSuite);
  const lookups: Lookups = {
    ...openLookups({ root, artifacts, python: 'python' }),
    facts: async () => mlxFacts,
    render: async (jobs) => jobs.map(() => ({ ok: true, rendering: plainRendering })),
  };
  const read = (config: string | object, earlier: readonly ReadPlan[] = []) => {
    return readConfig(bytesOf(config), 'a.yaml', withEarlier(lookups, earlier));
  };
  const plan: ConfigWorkspace['plan'] = async (config, earlier) => {
    const result = await read(config, earlier);
    if (!result.ok) throw new Error(formatProblems('a.yaml', result.problems));
    return result.plan;
  };
  return {
    root,
    lookups,
    write,
    plan,
    async reasons(config, earlier) {
      const result = await read(config, earlier);
      if (result.ok) throw new Error('the config was accepted');
      return formatProblems('a.yaml', result.problems)
        .split('\n\n')
        .slice(1)
        .join('\n\n')
        .replaceAll(root, 'WS')
        .trimEnd();
    },
    async accept(config) {
      const accepted = await plan(config);
      const { phase } = accepted;
      const made = { version: 1, accepted: '2026-01-01T00:00:00.000Z', file: 'a.yaml' };
      const ids = accepted.runs.map(({ run }) => run);
      const record = { ...made, phase, config: accepted.config, criteria_sha256: '', runs: ids };
      await write(`artifacts/${phase}/phase.json`, JSON.stringify(record));
      for (const [index, run] of accepted.runs.entries()) {
        await write(`artifacts/${phase}/${run.run}/run.json`, JSON.stringify({ ...made, ...run, number: index + 1 }));
      }
      return accepted;
    },
  };
}
