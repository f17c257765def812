import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { seeded } from './crash.ts';
import { demoBase, testPython } from './real-stage.ts';
import { tempDir } from './temp.ts';
import { type Settings, smallData } from './trainings.ts';
import type { Point } from './watched.ts';

const run = promisify(execFile);

/** What is drawn from a seed. */
export interface Draw {
  one<const T>(values: readonly [T, ...T[]]): T;
  whole(lowest: number, highest: number): number;
  shuffled<T>(values: readonly T[]): T[];
}

export function drawing(seed: number): Draw {
  const random = seeded(seed);
  const whole = (lowest: number, highest: number): number => lowest + Math.floor(random() * (highest - lowest + 1));
  return {
    one: (values) => values[whole(0, values.length - 1)] ?? values[0],
    whole,
    shuffled: (values) =>
      values
        .map((value) => ({ value, place: random() }))
        .sort((one, other) => one.place - other.place)
        .map(({ value }) => value),
  };
}

export const modelNames = ['MoE', 'dense', 'pretrained'] as const;
export type ModelName = (typeof modelNames)[number];

/** Folders. */
export interface Inputs {
  readonly model: string;
  readonly data: string;
}

/** `pretrained` is the folder of a pretrained model. Its inputs are there only if it is given. */
export async function trainingInputs(pretrained?: string): Promise<Partial<Record<ModelName, Inputs>>> {
  const data = await smallData();
  return {
    MoE: { model: demoBase('A'), data },
    dense: { model: demoBase('B'), data },
    ...(pretrained === undefined
      ? {}
      : { pretrained: { model: await inFourBits(pretrained), data: await shortRows() } }),
  };
}

/** The model itself if it is quantized already. */
async function inFourBits(model: string): Promise<string> {
  const { quantization } = JSON.parse(await readFile(join(model, 'config.json'), 'utf8'));
  if (quantization !== undefined) return model;
  const folder = join(await tempDir('quantized'), 'model');
  const argv = ['-m', 'mlx_lm', 'convert', '--hf-path', model, '--mlx-path', folder, '-q', '--q-bits', '4'];
  await run(testPython, argv, { env: { ...process.env, HF_HUB_OFFLINE: '1' } });
  return folder;
}

/** Rows of at most 32 tokens: on a CPU, an iteration of a quantized model takes 0.1 s a token. */
async function shortRows(): Promise<string> {
  const folder = await tempDir('short-rows');
  const line = (number: number): string => {
    const [one, other] = [number % 7, number % 5];
    const messages = [
      { role: 'system', content: 'Add' },
      { role: 'user', content: `${one}+${other}` },
      { role: 'assistant', content: `${one + other}` },
    ];
    return `${JSON.stringify({ messages })}\n`;
  };
  const lines = Array.from({ length: 28 }, (_, number) => line(number));
  await writeFile(join(folder, 'train.jsonl'), lines.slice(0, 24).join(''));
  await writeFile(join(folder, 'valid.jsonl'), lines.slice(24).join(''));
  return folder;
}

/** A training. Its settings are those of `mlx_lm lora` without model and data. */
export interface Drawn {
  readonly model: ModelName;
  readonly optimizer: string;
  readonly method: 'lora' | 'dora';
  readonly options: readonly string[];
  readonly settings: Settings & Readonly<Record<'seed' | 'iters' | 'save_every' | 'steps_per_eval', number>>;
}

/** mlx_lm has no DoRA for the experts of a mixture. */
const attention = ['self_attn.q_proj', 'self_attn.v_proj'];

export function drawTraining(draw: Draw, model: ModelName): Drawn {
  const isSmall = model !== 'pretrained';
  // mlx's Adafactor fails at the adapter of an expert, which has three dimensions.
  const rare = model === 'MoE' ? 'sgd' : draw.one(['sgd', 'adafactor']);
  const optimizer = draw.one(['adam', 'adamw', 'muon', 'adam', 'adamw', 'muon', rare]);
  const method = draw.one(['lora', 'lora', 'dora'] as const);
  // An iteration of the pretrained model takes seconds on a CPU.
  const iters = isSmall ? draw.whole(20, 40) : draw.whole(6, 8);
  const rows = isSmall ? draw.one([1, 2, 3]) : 1;
  const [dropout, accumulation] = [draw.one([0, 0.1]), draw.whole(1, isSmall ? 3 : 2)];
  const [isScheduled, hasCheckpoints, isMasked] = [true, true, true].map(() => draw.one([true, false]));
  const schedule = { lr_schedule: { name: 'cosine_decay', warmup: 5, arguments: [2e-4, iters] } };
  const keys = method === 'dora' && model === 'MoE' ? { keys: attention } : {};
  const settings = {
    ...{ seed: draw.whole(0, 9), iters, batch_size: rows, num_layers: draw.one([1, 2]), learning_rate: 2e-4 },
    ...{ optimizer, fine_tune_type: method, max_seq_length: isSmall ? 64 : 32 },
    ...{ val_batches: rows === 1 ? 1 : draw.one([1, 2, -1]), save_every: draw.whole(isSmall ? 3 : 2, isSmall ? 9 : 3) },
    ...{ steps_per_report: draw.whole(2, 7), steps_per_eval: draw.whole(4, 11) },
    ...{ grad_accumulation_steps: accumulation, grad_checkpoint: hasCheckpoints, mask_prompt: isMasked },
    ...{ lora_parameters: { rank: 4, dropout, scale: 20, ...keys } },
    ...(isScheduled ? schedule : {}),
  };
  const options = [
    ...(dropout > 0 ? ['dropout'] : []),
    ...(isScheduled ? ['schedule'] : []),
    ...(accumulation > 1 ? [`accumulation ${accumulation}`] : []),
    ...(hasCheckpoints ? ['grad_checkpoint'] : []),
    ...(isMasked ? ['mask_prompt'] : []),
  ];
  return { model, optimizer, method, options, settings };
}

/** Where one process of a training is interrupted, which continues after iteration `from`. */
export function drawPoint(draw: Draw, from: number, settings: Drawn['settings']): Point {
  const { iters, save_every, steps_per_eval } = settings;
  const isSaveAhead = from + save_every + 3 < iters;
  const phase = draw.one<Point['phase']>([
    ...(['training', 'training', 'training', 'training', 'training', 'training', 'validation', 'validation'] as const),
    // Before the first state, an interruption only repeats what was done.
    from > 0 ? 'replaying' : draw.one(['loading', 'data']),
    ...(from > 0 && isSaveAhead ? (['saving', 'saving'] as const) : []),
  ]);
  if (phase === 'training') return { phase, iteration: draw.whole(from + 1, Math.max(from + 1, iters - 3)) };
  const validations = Math.floor((iters - 1) / steps_per_eval) - Math.floor(from / steps_per_eval);
  if (phase !== 'validation' || validations === 0) return { phase };
  return { phase, iteration: (Math.floor(from / steps_per_eval) + draw.whole(1, validations)) * steps_per_eval };
}
