import { appendFile, cp, mkdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { demoEval, demoPhase, type RealWorkspace } from './real-chain.ts';

/** What is wrong with an evening, and what must be said about it. */
export interface Sabotage {
  readonly name: string;
  /** What the phase has beyond a good one, after its own copies are made. `own` is a folder for them. */
  config?(own: Own): Promise<Overrides>;
  /** What happens after the phase was accepted. */
  later?(own: Own): Promise<void>;
  /** Where it is found, and the causes that fit. A refusal has none. */
  readonly found: 'inbox' | readonly string[];
  readonly says: RegExp;
}

type Overrides = Readonly<Record<string, unknown>>;

/** The copies of one sabotage. */
interface Own {
  readonly root: string;
  /** Relative to the workspace. */
  readonly folder: string;
  model(): Promise<string>;
  data(): Promise<string>;
  at(...names: readonly string[]): string;
}

const train = {
  ...{ iters: 4, batch_size: 2, learning_rate: 1e-4, num_layers: 2, mask_prompt: true, max_seq_length: 128 },
  ...{ save_every: 4, steps_per_report: 2, steps_per_eval: 4, val_batches: 1 },
};
const eval_ = { ...demoEval, max_tokens: 4, cost: false };

/** A phase that works, and takes seconds. */
export const goodPhase = (phase: string, over: Overrides = {}): Overrides =>
  demoPhase(phase, 'A', { train, eval: eval_, fuse: { mode: 'none' }, ...over });

export function ownOf({ root }: RealWorkspace, name: string): Own {
  const folder = join('own', name);
  const copy = async (from: string, to: string): Promise<string> => {
    await mkdir(join(root, folder), { recursive: true });
    await cp(join(root, 'demo', from), join(root, folder, to), { recursive: true });
    return join(folder, to);
  };
  return {
    ...{ root, folder },
    at: (...names) => join(root, folder, ...names),
    model: () => copy('models/A-base', 'model'),
    data: () => copy('data', 'data'),
  };
}

const edit = async (file: string, change: (text: string) => string): Promise<void> =>
  writeFile(file, change(await readFile(file, 'utf8')));
const editJson = (file: string, keys: object): Promise<void> =>
  edit(file, (text) => JSON.stringify({ ...JSON.parse(text), ...keys }));
const template = (own: Own, text: string | undefined): Promise<void> =>
  editJson(own.at('model', 'tokenizer_config.json'), { chat_template: text });

/** A sabotage of the settings alone. */
const settings = (name: string, over: object, [found, says]: readonly [Sabotage['found'], RegExp]): Sabotage => ({
  ...{ name, found, says },
  config: async () => ({ train: { ...train, ...over } }),
});
/** The model is changed after acceptance. */
const model = (
  name: string,
  later: Sabotage['later'],
  [found, says]: readonly [Sabotage['found'], RegExp],
): Sabotage => ({
  ...{ name, found, says, ...(later === undefined ? {} : { later }) },
  config: async (own) => ({ model: await own.model() }),
});

const noSystem = `{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}{{ m.content }}{% endfor %}`;
const onlySystem = `{% if messages[0].role != 'system' %}{{ raise_exception('It needs a system message') }}{% endif %}{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}`;

/** A module that Python imports when it starts. */
async function patch(own: Own, text: string): Promise<Overrides> {
  await mkdir(own.at('patch'), { recursive: true });
  await writeFile(own.at('patch', 'sitecustomize.py'), text);
  return { env: { MLX_DISABLE_COMPILE: '1', PYTHONPATH: own.at('patch') } };
}

/** Evenings on which a training would die. Each is found before the first training, by the inbox or by the rehearsal. */
export const sabotages: readonly Sabotage[] = [
  settings('rate', { learning_rate: 1e30 }, [['nan_loss'], /loss is (nan|inf)/]),
  model('shard-gone', (own) => rm(own.at('model', 'model.safetensors')), [
    ['model_missing', 'shard_missing'],
    /safetensors/,
  ]),
  model('shard-cut', (own) => truncate(own.at('model', 'model.safetensors'), 90_000), [['shard_cut'], /cut off/]),
  model('weights', (own) => editJson(own.at('model', 'config.json'), { num_hidden_layers: 3 }), [
    ...([['model_weights'], /Missing \d+ parameters/] as const),
  ]),
  model('strange', (own) => editJson(own.at('model', 'config.json'), { model_type: 'strange' }), [
    ...([['unsupported_model'], /strange not supported/] as const),
  ]),
  model('tokenizer', (own) => rm(own.at('model', 'tokenizer.json')), [['model_missing'], /tokenizer/]),
  model('no-template', (own) => template(own, undefined), [['data_check', 'no_chat_template'], /chat.template/]),
  model('system', (own) => template(own, noSystem), [['data_check', 'template_rejects_system'], /[Ss]ystem/]),
  {
    name: 'suite',
    config: async (own) => ({ model: await own.model(), eval: { ...eval_, system: '' } }),
    later: (own) => template(own, onlySystem),
    found: ['suite_refused'],
    says: /It needs a system message/,
  },
  {
    name: 'rows-broken',
    config: async (own) => ({ data: await own.data() }),
    later: (own) => appendFile(own.at('data', 'train.jsonl'), '{"mess'),
    found: ['data_check', 'bad_rows'],
    says: /train\.jsonl.*(line \d+|JSON)/,
  },
  {
    name: 'rows-gone',
    config: async (own) => ({ data: await own.data() }),
    later: (own) => edit(own.at('data', 'valid.jsonl'), (text) => `${text.split('\n')[0]}\n`),
    found: ['data_check', 'too_few_rows'],
    says: /valid\.jsonl|validation/,
  },
  {
    name: 'no-valid',
    config: async (own) => ({ data: await own.data(), select: { by: 'val_loss' } }),
    later: (own) => rm(own.at('data', 'valid.jsonl')),
    found: ['data_check', 'no_valid_rows'],
    says: /valid/,
  },
  settings('cut-answers', { max_seq_length: 16 }, [['data_check', 'no_answer_left'], /max_seq_length|answer/]),
  settings('keys', { lora_parameters: { rank: 8, scale: 20, dropout: 0, keys: ['attn.q'] } }, ['inbox', /attn\.q/]),
  settings('dora', { fine_tune_type: 'dora' }, ['inbox', /DoRA/]),
  settings('schedule', { lr_schedule: { name: 'cosine', arguments: [1] } }, ['inbox', /cosine/]),
  settings('betas', { optimizer_config: { adam: { beta: 1 } } }, [['optimizer_config'], /beta/]),
  {
    name: 'resume',
    async config(own) {
      await mkdir(own.at(), { recursive: true });
      await cp(join(own.root, 'demo/models/A-base/model.safetensors'), own.at('adapters.safetensors'));
      return { train: { ...train, resume_adapter_file: join(own.folder, 'adapters.safetensors') } };
    },
    found: 'inbox',
    says: /not a tensor of an mlx_lm adapter/,
  },
  {
    name: 'memory',
    config: async () => ({ memory_gb: 0.002 }),
    found: ['out_of_memory'],
    says: /the limit is 2\.0 MB/,
  },
  {
    name: 'pair',
    config: (own) => patch(own, 'import mlx.core as mx\nmx.stop_gradient = lambda array: array\n'),
    found: ['first_backward'],
    says: /VJP with respect to indices/,
  },
  {
    name: 'package',
    config: (own) =>
      patch(own, 'import sys\nif "rehearse" in " ".join(sys.orig_argv): sys.modules["transformers"] = None\n'),
    found: ['missing_package'],
    says: /transformers/,
  },
  {
    name: 'not-json',
    async config(own) {
      const data = await own.data();
      await appendFile(own.at('data', 'train.jsonl'), '{"mess');
      return { data };
    },
    found: 'inbox',
    says: /train\.jsonl.*line \d+/,
  },
  settings('few-rows', { batch_size: 5000 }, ['inbox', /batch_size/]),
];
