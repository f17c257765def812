import { cp, mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { execa } from 'execa';
import { z } from 'zod';
import { catalogue } from '../../src/core/errors.ts';
import { demoBase, demoData, testPython } from '../helpers/real-stage.ts';
import { tempDir } from '../helpers/temp.ts';

const drivers = resolve(import.meta.dirname, '../../python');
const table = resolve(import.meta.dirname, '../fixtures/rehearse/table.py');
const env = { MLX_DISABLE_COMPILE: '1', HF_HUB_OFFLINE: '1', PYTHONDONTWRITEBYTECODE: '1' };
/** Loads and trains as `mlx_lm lora` does, and prints its peak memory in bytes as the last line. */
const training = 'import mlx.core as mx; from mlx_lm import lora; lora.main(); print(mx.get_peak_memory())';

const count = z.number().nullable();
const report = z.strictObject({
  version: z.literal(1),
  verdict: z.enum(['fits', 'tight', 'does_not_fit']).nullable(),
  memory: z.strictObject({ peak_bytes: z.number(), limit_bytes: count, recommended_bytes: count }),
  model: z.strictObject({ layers: z.int(), max_positions: z.int().nullable() }).nullable(),
  trainable: z.strictObject({ parameters: z.int(), total: z.int(), share: z.number() }).nullable(),
  longest: z.strictObject({ rows: z.int(), tokens: z.int(), padded: z.int(), lines: z.array(z.int()) }).nullable(),
  iterations: z.strictObject({ epoch: z.int(), asked: z.int() }).nullable(),
  validation: z.strictObject({ batches: z.int() }).nullable(),
  speed: z.strictObject({ tokens_per_second: z.number(), steps: z.int(), iterations: z.int() }).nullable(),
  seconds: z.record(z.string(), count),
  warnings: z.array(z.string()),
  error: z.strictObject({ cause: z.string(), kind: z.string(), message: z.string(), remedy: z.string() }).nullable(),
});
type Report = z.infer<typeof report>;
const line = z.object({ name: z.string(), rc: z.int(), result: report });

interface Case {
  readonly name: string;
  /** Settings that replace those of the good recipe. */
  readonly train?: Readonly<Record<string, unknown>>;
  readonly flags?: readonly string[];
  readonly fault?: string;
}

let folder: string;
let model: string;
let data: string;

before(async () => {
  folder = await tempDir('rehearse');
  [model, data] = [join(folder, 'model'), join(folder, 'data')];
  await cp(demoBase('A'), model, { recursive: true });
  await mkdir(data);
  // Rows 131 and 132 are the longest of the demo's data. They are one batch, as mlx_lm forms it.
  const rows = (await readFile(join(demoData, 'train.jsonl'), 'utf8')).split('\n');
  await writeFile(join(data, 'train.jsonl'), `${[...rows.slice(0, 6), ...rows.slice(130, 132)].join('\n')}\n`);
  const valid = (await readFile(join(demoData, 'valid.jsonl'), 'utf8')).split('\n');
  await writeFile(join(data, 'valid.jsonl'), `${valid.slice(0, 4).join('\n')}\n`);
});

/** The file of a recipe, as the train stage writes it. */
async function recipe(name: string, train: Case['train'] = {}): Promise<string> {
  const file = join(folder, `${name.replaceAll(/\W+/g, '-')}.yaml`);
  const good = { iters: 4, batch_size: 2, learning_rate: 2e-5, num_layers: 2, mask_prompt: true };
  const rest = { max_seq_length: 128, val_batches: -1, train: true, adapter_path: join(folder, 'adapter') };
  await writeFile(file, JSON.stringify({ model, data, ...good, ...rest, ...train }));
  return file;
}

/** Rehearses recipes in one process, one after the other. */
async function rehearse(cases: readonly Case[]): Promise<Map<string, z.infer<typeof line>>> {
  const asked = await Promise.all(
    cases.map(async ({ name, train, flags = [], fault }) => ({
      ...{ name, argv: ['-c', await recipe(name, train), '--seconds', '0', ...flags] },
      ...(fault === undefined ? {} : { fault }),
    })),
  );
  const { stdout } = await execa(testPython, [table, drivers], { env, input: JSON.stringify(asked) });
  const found = stdout.split('\n').filter((one) => one.startsWith('{"name"'));
  return new Map(found.map((one) => line.parse(JSON.parse(one))).map((one) => [one.name, one]));
}

/** A copy of the model or the data with something wrong in it. */
async function copyOf(source: string, name: string, spoil: (copy: string) => Promise<void>): Promise<string> {
  const copy = join(folder, name);
  await cp(source, copy, { recursive: true });
  await spoil(copy);
  return copy;
}

/** Replaces text in a file. */
async function edit(file: string, change: (text: string) => string): Promise<void> {
  await writeFile(file, change(await readFile(file, 'utf8')));
}

/** Replaces keys of a JSON file. A key that becomes undefined is removed. */
const editJson = (file: string, keys: object): Promise<void> =>
  edit(file, (text) => JSON.stringify({ ...JSON.parse(text), ...keys }));

describe('python/rehearse.py, with the real mlx_lm: a training that works', () => {
  let good: Report;
  let trained: string;

  before(async () => {
    const scratch = join(folder, 'scratch');
    await mkdir(scratch);
    const config = await recipe('good');
    const before = await readdir(folder, { recursive: true });
    const argv = [join(drivers, 'rehearse.py'), '-c', config, '--seconds', '0.5', '--scratch', scratch];
    const { stdout } = await execa(testPython, argv, { env, cwd: folder });
    expect(await readdir(folder, { recursive: true }), 'files that were left').to.have.members(before);
    good = report.parse(JSON.parse(stdout));
    trained = (await execa(testPython, ['-c', training, '-c', config], { env, cwd: folder })).stdout;
  });

  it('reports the longest batch, the layers and the iterations', () => {
    expect(good.error).to.equal(null);
    expect(good.longest).to.deep.equal({ rows: 2, tokens: 76, padded: 97, lines: [7, 8] });
    expect(good.model).to.deep.equal({ layers: 2, max_positions: 512 });
    expect(good.iterations).to.deep.equal({ epoch: 4, asked: 4 });
    expect(good.validation).to.deep.equal({ batches: 2 });
    expect(Object.values(good.seconds).every((seconds) => seconds !== null && seconds > 0)).to.equal(true);
    expect(good.speed?.tokens_per_second).to.be.greaterThan(0);
  });

  it('reports the trainable parameters that mlx_lm prints, and the peak memory of the training', () => {
    const { parameters = 0, total = 0, share = 0 } = good.trainable ?? {};
    const millions = [parameters, total].map((one) => `${(one / 1e6).toFixed(3)}M`).join('/');
    expect(trained).to.include(`Trainable parameters: ${(100 * share).toFixed(3)}% (${millions})`);
    const peak = Number(trained.trim().split('\n').at(-1));
    expect(good.memory.peak_bytes).to.be.within(0.95 * peak, 1.05 * peak);
  });

  it('compares the peak with a limit', async () => {
    const peak = good.memory.peak_bytes;
    const limits = { fits: 1.5 * peak, tight: 1.05 * peak, does_not_fit: 0.9 * peak };
    const cases = Object.entries(limits).map(([name, limit]) => ({
      ...{ name, flags: ['--memory-limit', String(Math.round(limit))] },
    }));
    const found = await rehearse([
      ...cases,
      { name: 'accumulation', train: { grad_accumulation_steps: 8, grad_checkpoint: true, val_batches: 1 } },
    ]);
    for (const name of Object.keys(limits)) expect(found.get(name)?.result.verdict, name).to.equal(name);
    const over = found.get('does_not_fit')?.result.error;
    expect([over?.cause, over?.kind]).to.eql(['out_of_memory', 'OUT_OF_MEMORY']);
    expect(over?.remedy).to.match(/batch_size.*max_seq_length.*grad_checkpoint/);
    const accumulated = found.get('accumulation')?.result;
    expect(accumulated?.seconds.validation_longest).to.be.greaterThan(0);
    expect([accumulated?.error, accumulated?.speed]).to.deep.equal([
      null,
      { ...accumulated?.speed, steps: 2, iterations: 4 },
    ]);
  });
});

/** cause, kind, and a part of the message and of the remedy. */
type Expected = readonly [cause: string, kind: string, message: RegExp, remedy: RegExp];

interface Sabotage extends Case {
  readonly expected: Expected;
}

/** A recipe with a spoiled copy of the model. */
async function withModel(name: string, spoil: (copy: string) => Promise<void>, expected: Expected): Promise<Sabotage> {
  return { name, train: { model: await copyOf(model, `model-${name}`, spoil) }, expected };
}

async function sabotages(): Promise<Sabotage[]> {
  const noValid = await copyOf(data, 'no-valid', (copy) => rm(join(copy, 'valid.jsonl')));
  const noJson = await copyOf(data, 'no-json', (copy) => edit(join(copy, 'train.jsonl'), (text) => `${text}{"mess`));
  const noTrain = await copyOf(data, 'no-train', (copy) => rm(join(copy, 'train.jsonl')));
  const cut = join(folder, 'cut.safetensors');
  await writeFile(cut, 'cut');
  const other = join(folder, 'other.safetensors');
  const save = 'import mlx.core as mx, sys; mx.save_safetensors(sys.argv[1], {"a.lora_a": mx.zeros((2, 2))})';
  await execa(testPython, ['-c', save, other], { env });
  const template = (text: string) => (copy: string) =>
    editJson(join(copy, 'tokenizer_config.json'), { chat_template: text });
  const refuses = `{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}{{ m.content }}{% endfor %}`;
  const index = { weight_map: { a: 'model-00001-of-00002.safetensors' } };
  return [
    ...(await Promise.all([
      withModel('no-config', (copy) => rm(join(copy, 'config.json')), [
        'model_missing',
        'BAD_MODEL',
        /config\.json/,
        /fetch/,
      ]),
      withModel('no-tokenizer', (copy) => rm(join(copy, 'tokenizer.json')), [
        'model_missing',
        'BAD_MODEL',
        /tokenizer/,
        /fetch/,
      ]),
      withModel('no-shard', (copy) => editJson(join(copy, 'model.safetensors.index.json'), index), [
        ...(['shard_missing', 'BAD_MODEL', /model-00001-of-00002\.safetensors/, /Fetch the model again/] as const),
      ]),
      withModel('cut-shard', (copy) => truncate(join(copy, 'model.safetensors'), 90_000), [
        ...(['shard_cut', 'BAD_MODEL', /model\.safetensors is cut off/, /fetch the model again/] as const),
      ]),
      withModel('other-weights', (copy) => editJson(join(copy, 'config.json'), { num_hidden_layers: 3 }), [
        ...(['model_weights', 'BAD_MODEL', /Missing \d+ parameters:\s+model/, /Fetch the model again/] as const),
      ]),
      withModel('strange', (copy) => editJson(join(copy, 'config.json'), { model_type: 'strange' }), [
        ...(['unsupported_model', 'ENVIRONMENT', /Model type strange not supported/, /upgrade mlx-lm/] as const),
      ]),
      withModel('no-template', (copy) => editJson(join(copy, 'tokenizer_config.json'), { chat_template: undefined }), [
        ...(['no_chat_template', 'BAD_MODEL', /chat_template is not set/, /instruct version/] as const),
      ]),
      withModel('no-system', template(refuses), [
        ...([
          'template_rejects_system',
          'BAD_DATA',
          /train\.jsonl, line 1: .*refuses the system message/,
          /first message/,
        ] as const),
      ]),
    ])),
    {
      name: 'no-model',
      train: { model: join(folder, 'absent') },
      expected: ['model_missing', 'BAD_MODEL', /no such folder/, /fetch/],
    },
    {
      name: 'no-train',
      train: { data: noTrain },
      expected: ['no_train_rows', 'BAD_DATA', /train\.jsonl is missing/, /`data`/],
    },
    {
      name: 'no-json',
      train: { data: noJson },
      expected: ['bad_rows', 'BAD_DATA', /line 9: not JSON/, /Correct or remove/],
    },
    {
      ...{ name: 'no-valid', train: { data: noValid }, flags: ['--needs-valid'] },
      expected: ['no_valid_rows', 'BAD_DATA', /no validation rows/, /valid\.jsonl/],
    },
    {
      name: 'few-rows',
      train: { batch_size: 6 },
      expected: ['too_few_rows', 'BAD_DATA', /valid\.jsonl has 4 rows/, /smaller batch_size/],
    },
    {
      name: 'cut-answers',
      train: { max_seq_length: 16 },
      expected: ['no_answer_left', 'BAD_DATA', /no answer is complete/, /max_seq_length/],
    },
    { name: 'val-batches', train: { val_batches: 0 }, expected: ['val_batches', 'BAD_SETTINGS', /NaN/, /-1/] },
    {
      name: 'layers',
      train: { num_layers: 3 },
      expected: ['num_layers', 'BAD_SETTINGS', /only has 2 layers/, /-1 for all/],
    },
    {
      ...{ name: 'keys', train: { lora_parameters: { rank: 8, scale: 20, dropout: 0, keys: ['attn.q'] } } },
      expected: ['lora_keys', 'BAD_SETTINGS', /attn\.q/, /self_attn\.q_proj/],
    },
    {
      name: 'rank',
      train: { lora_parameters: { scale: 20 } },
      expected: ['lora_parameters', 'BAD_SETTINGS', /rank/, /rank, scale/],
    },
    { name: 'dora', train: { fine_tune_type: 'dora' }, expected: ['fine_tune_type', 'BAD_SETTINGS', /DoRA/, /lora/] },
    {
      name: 'resume-absent',
      train: { resume_adapter_file: join(folder, 'absent') },
      expected: ['resume_adapter', 'MISSING_INPUT', /no such file/, /complete/],
    },
    {
      name: 'resume-cut',
      train: { resume_adapter_file: cut },
      expected: ['resume_adapter', 'BAD_SETTINGS', /cut off/, /complete/],
    },
    {
      name: 'resume-other',
      train: { resume_adapter_file: other },
      expected: ['resume_adapter', 'BAD_SETTINGS', /a\.lora_a does not fit/, /num_layers/],
    },
    {
      name: 'schedule',
      train: { lr_schedule: { name: 'cosine', arguments: [1] } },
      expected: ['lr_schedule', 'BAD_SETTINGS', /cosine/, /lr_schedule/],
    },
    {
      name: 'optimizer',
      train: { optimizer: 'adamm' },
      expected: ['optimizer', 'BAD_SETTINGS', /Unsupported optimizer: adamm/, /adamw/],
    },
    {
      name: 'betas',
      train: { optimizer_config: { adam: { beta: 1 } } },
      expected: ['optimizer_config', 'BAD_SETTINGS', /beta/, /optimizer_config/],
    },
    {
      name: 'rate',
      train: { learning_rate: 1e30 },
      expected: ['nan_loss', 'NAN_LOSS', /loss is (nan|inf) at step/, /learning_rate/],
    },
    {
      name: 'memory',
      flags: ['--memory-limit', '1500000'],
      expected: ['out_of_memory', 'OUT_OF_MEMORY', /the limit is 1\.4 MB/, /grad_checkpoint/],
    },
    {
      name: 'router',
      fault: 'stale_router',
      expected: ['first_backward', 'ENVIRONMENT', /VJP with respect to indices/, /upgrade mlx-lm/],
    },
    { name: 'disk', fault: 'full_disk', expected: ['disk_full', 'DISK_FULL', /No space left/, /gc/] },
    {
      name: 'crash',
      fault: 'unknown_crash',
      expected: ['unknown', 'TOOL_FAILED', /of an unknown kind/, /may still work/],
    },
  ];
}

describe('python/rehearse.py, with the real mlx_lm: a training that cannot work', () => {
  let cases: Sabotage[];
  let found: Map<string, z.infer<typeof line>>;

  before(async () => {
    cases = await sabotages();
    found = await rehearse(cases);
  });

  it('names the cause of each sabotaged recipe, and what to do', () => {
    for (const { name, expected } of cases) {
      const { rc, result } = found.get(name) ?? {};
      const [cause, kind, message, remedy] = expected;
      expect([result?.error?.cause, result?.error?.kind], `${name}: ${result?.error?.message}`).to.eql([cause, kind]);
      expect(result?.error?.message, name).to.match(message);
      expect(result?.error?.remedy, name).to.match(remedy);
      expect(catalogue, name).to.have.property(kind);
      expect(rc, name).to.equal(cause === 'unknown' ? 3 : 0);
    }
  });

  it('reports what was found before the error', () => {
    const disk = found.get('disk')?.result;
    expect(disk?.seconds.iteration).to.be.greaterThan(0);
    expect(disk?.seconds.save).to.equal(null);
    expect(disk?.trainable?.parameters).to.equal(32_832);
    expect(found.get('layers')?.result).to.deep.include({ verdict: null, model: { layers: 2, max_positions: 512 } });
  });
});
