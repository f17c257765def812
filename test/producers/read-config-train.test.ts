import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { type ConfigWorkspace, configWorkspace, plainConfig } from '../helpers/config-workspace.ts';
import { layerShapes, tensorFile, tinyAdapter, tinyModel } from '../helpers/tiny-model.ts';

const lora = (parameters: object): object => ({
  num_layers: 4,
  lora_parameters: { rank: 8, scale: 20, dropout: 0, ...parameters },
});
const scheduled = (schedule: object, more: object = {}): object => ({ num_layers: 4, lr_schedule: schedule, ...more });
const experts = { 'model.layers.0.mlp.switch_mlp.up_proj.weight': [4, 8, 8] };

/** Train sections for a model of 4 layers, and what their author reads. Each trains nothing, or stops in the run. */
const refused: readonly (readonly [name: string, train: object, told: RegExp])[] = [
  [
    'more accumulation than iterations',
    { num_layers: 4, iters: 8, grad_accumulation_steps: 16 },
    /train\.grad_accumulation_steps: more than the 8 iterations: the optimizer would make no step/,
  ],
  [
    "more accumulation than mlx_lm's own iterations",
    { num_layers: 4, grad_accumulation_steps: 1001 },
    /more than the 1000 iterations/,
  ],
  ['an early stop without a rule', { num_layers: 4, stop: {} }, /train\.stop: it needs val_loss or train_minutes/],
  [
    'no patience',
    { num_layers: 4, stop: { val_loss: { patience: 0 } } },
    /train\.stop\.val_loss\.patience: .*at least 1/,
  ],
  ['no time', { num_layers: 4, stop: { train_minutes: 0 } }, /train\.stop\.train_minutes: /],
  ['an unknown rule', { num_layers: 4, stop: { val_los: { patience: 1 } } }, /did you mean "val_loss"/],
  [
    'the early stop of another tool',
    { num_layers: 4, early_stopping_patience: 3 },
    /write `stop: \{ val_loss: \{ patience: N \} \}`/,
  ],
  ['rank 0', lora({ rank: 0 }), /train\.lora_parameters\.rank: with rank 0 the adapter is zero, whatever is learned/],
  ['scale 0', lora({ scale: 0 }), /train\.lora_parameters\.scale: with scale 0 the adapter is zero/],
  ['a negative rank', lora({ rank: -1 }), /rank: a whole number from 1 on is expected/],
  ['half a rank', lora({ rank: 7.5 }), /rank: a whole number from 1 on is expected/],
  ['a rank in quotes', lora({ rank: '8' }), /rank: a whole number from 1 on is expected\n +seen: "8"/],
  ['a scale that is no number', lora({ scale: true }), /scale: a number is expected/],
  ['a dropout of 1', lora({ dropout: 1 }), /dropout: allowed: a number from 0 to below 1/],
  ['a negative dropout', lora({ dropout: -0.1 }), /dropout: allowed: a number from 0 to below 1/],
  [
    'alpha, which mlx_lm ignores',
    lora({ alpha: 16 }),
    /lora_parameters\.alpha: mlx_lm ignores alpha; its own key is scale\n.*\n +scale is alpha \/ rank: write scale: 2/,
  ],
  [
    'alpha in place of scale: both are said',
    { num_layers: 4, lora_parameters: { rank: 8, alpha: 16, dropout: 0 } },
    /these are missing: scale[\s\S]*mlx_lm ignores alpha/,
  ],
  ["another library's names", lora({ target_modules: ['q_proj'] }), /target_modules; its own key is keys/],
  [
    'an unknown parameter',
    lora({ ranks: 8 }),
    /lora_parameters\.ranks: mlx_lm ignores this key; did you mean "rank"\?/,
  ],
  [
    'keys as a text, in which Python would look for parts',
    lora({ keys: 'self_attn.q_proj' }),
    /a list of layer names is expected/,
  ],
  ['no keys', lora({ keys: [] }), /keys: an empty list adapts no layer/],
  [
    'keys that no layer has',
    lora({ keys: ['attn.q_proj'] }),
    /keys: no layer that is adapted has one of these names\n.*\n +its layers: self_attn\.q_proj, mlp\.up_proj/,
  ],
  [
    'a block of layers',
    lora({ keys: ['self_attn'] }),
    /self_attn is a block of layers; mlx_lm only adapts single layers/,
  ],
  ['a norm', lora({ keys: ['input_layernorm'] }), /input_layernorm is not a linear layer, so mlx_lm cannot adapt it/],
  ['too many layers', { num_layers: 5 }, /train\.num_layers: the model has 4 layers; allowed: 1 to 4, or -1 for all/],
  [
    "mlx_lm's own number of layers",
    { iters: 20 },
    /train\.num_layers: if it is omitted, mlx_lm adapts 16 layers, but the model has 4 layers/,
  ],
  ['an empty train section of such a model', {}, /if it is omitted, mlx_lm adapts 16 layers/],
  ['no val batches', { num_layers: 4, val_batches: 0 }, /val_batches: mlx_lm divides by it/],
  ['no iterations', { num_layers: 4, iters: 0 }, /train\.iters: allowed: at least 1/],
  ['negative iterations', { num_layers: 4, iters: -8 }, /train\.iters: allowed: at least 1/],
  ['no rows an iteration', { num_layers: 4, batch_size: 0 }, /train\.batch_size: allowed: at least 1/],
  ['a val loss every 0 iterations', { num_layers: 4, steps_per_eval: 0 }, /train\.steps_per_eval: allowed: at least 1/],
  ['learning rate 0', { num_layers: 4, learning_rate: 0 }, /train\.learning_rate: allowed: more than 0/],
  ['a schedule without a name', scheduled({ arguments: [1e-4, 100] }), /lr_schedule\.name: required: its name/],
  [
    'an unknown schedule',
    scheduled({ name: 'cosine', arguments: [1e-4, 100] }),
    /lr_schedule\.name: mlx does not have this schedule/,
  ],
  [
    'a schedule without arguments',
    scheduled({ name: 'cosine_decay' }),
    /arguments: a list of numbers is expected: \[start, decay_steps, end\]/,
  ],
  [
    'too few arguments',
    scheduled({ name: 'step_decay', arguments: [1e-4] }),
    /step_decay takes \[start, decay_rate, step_size\]/,
  ],
  [
    'a schedule that is 0 all the time',
    scheduled({ name: 'linear_schedule', arguments: [0, 0, 100] }),
    /the learning rate stays at 0 for the whole training \(1000 steps of the optimizer\): nothing is learned/,
  ],
  [
    'a warmup that ends after its first step, which is at 0',
    scheduled({ name: 'cosine_decay', arguments: [1e-4, 100], warmup: 10 }, { iters: 8, grad_accumulation_steps: 8 }),
    /the learning rate stays at 0 for the whole training \(1 step of/,
  ],
  ['a decay over no step', scheduled({ name: 'linear_schedule', arguments: [1e-4, 0, 0] }), /gives no learning rate/],
  ['a rate below 0', scheduled({ name: 'linear_schedule', arguments: [1e-4, -1e-4, 100] }), /becomes negative/],
  [
    'a negative warmup',
    scheduled({ name: 'cosine_decay', arguments: [1e-4, 9], warmup: -1 }),
    /warmup: a number from 0 on/,
  ],
];

/** Train sections that are doubtful: taken, with these warnings. */
const doubted: readonly (readonly [name: string, train: object, warnings: readonly RegExp[]])[] = [
  ['0 layers, which mean all', { num_layers: 0 }, [/num_layers is 0, which mlx_lm reads as all layers/]],
  ['all layers', { num_layers: -1 }, []],
  [
    'checkpoints rarer than iterations: the last is saved anyway',
    { num_layers: 4, iters: 20, save_every: 100 },
    [/save_every \(100\) is more than iters \(20\)/],
  ],
  ['as many accumulated as there are iterations', { num_layers: 4, iters: 8, grad_accumulation_steps: 8 }, []],
  [
    'a rest that makes no step',
    { num_layers: 4, iters: 20, grad_accumulation_steps: 16 },
    [/the last 4 iterations change nothing, since iters \(20\) is not a multiple of grad_accumulation_steps \(16\)/],
  ],
  [
    'some keys that are not there',
    lora({ keys: ['self_attn.q_proj', 'attn.k'] }),
    [/no layer is named attn\.k; only the other/],
  ],
  ['a key that is a whole path', lora({ keys: ['model.embed_tokens'] }), []],
  ['keys that are null', lora({ keys: null }), []],
  ['a dropout just below 1, a negative scale', lora({ dropout: 0.99, scale: -1 }), []],
  [
    'DoRA of rank 0',
    { ...lora({ rank: 0 }), fine_tune_type: 'dora' },
    [/rank is 0: DoRA then learns only the magnitudes/],
  ],
  ['a schedule that ends at 0', scheduled({ name: 'cosine_decay', arguments: [1e-4, 1000] }), []],
  [
    'a schedule that ends at 0 long before the training',
    scheduled({ name: 'linear_schedule', arguments: [1e-4, 0, 100] }),
    [/the learning rate is 0 in 900 of 1000 steps of the optimizer/],
  ],
  [
    'a warmup that is longer than the training',
    scheduled({ name: 'cosine_decay', arguments: [1e-4, 1000], warmup: 100 }, { iters: 50 }),
    [/the warmup takes 100 steps, but the optimizer makes 50: the learning rate stays below 0\.0001/],
  ],
];

describe('a training that would do nothing', () => {
  let workspace: ConfigWorkspace;
  const config = (train: object): object => ({ ...plainConfig, train });
  before(async () => {
    workspace = await configWorkspace();
    await tinyModel(join(workspace.root, 'models/tiny'), { shapes: layerShapes(4) });
  });

  for (const [name, train, told] of refused) {
    it(`is refused: ${name}`, async () => {
      expect(await workspace.reasons(config(train))).to.match(told);
    });
  }

  for (const [name, train, warnings] of doubted) {
    it(`is taken, with ${warnings.length === 0 ? 'no warning' : 'a warning'}: ${name}`, async () => {
      const plan = await workspace.plan(config(train));
      expect(plan.warnings).to.have.length(warnings.length);
      for (const [index, told] of warnings.entries()) expect(plan.warnings[index]).to.match(told);
    });
  }

  it('is refused in a variant too, and warned of once', async () => {
    const train = { num_layers: 0, iters: 20 };
    const of = (overlay: object) => ({ ...config(train), variants: { high: { train: overlay } } });
    expect(await workspace.reasons(of({ grad_accumulation_steps: 32 }))).to.match(
      /variants\.high\.train\.grad_accumulation_steps: more than the 20 iterations/,
    );
    const { warnings } = await workspace.plan(of({ grad_accumulation_steps: 16 }));
    expect(warnings).to.have.length(2);
    expect(warnings[1]).to.match(/^variants\.high: train: the last 4 iterations change nothing/);
  });

  it('is refused once for a value that is no number, which is not an omitted one', async () => {
    const two = { num_layers: 'two', iters: 20 };
    const once = (key: string): RegExp => new RegExp(`^a\\.yaml:\\d+: ${key}\\.num_layers: [^\\n]*\\n +seen: "two"$`);
    expect(await workspace.reasons(config(two))).to.match(once('train'));
    const variants = { few: { train: two } };
    expect(await workspace.reasons({ ...config({ num_layers: 4, iters: 20 }), variants })).to.match(
      once('variants\\.few\\.train'),
    );
  });

  it('is refused for DoRA on experts', async () => {
    const other = await configWorkspace();
    await tinyModel(join(other.root, 'models/tiny'), { shapes: { ...layerShapes(1), ...experts } });
    const dora = { num_layers: 1, fine_tune_type: 'dora' };
    expect(await other.reasons(config(dora))).to.match(
      /train\.fine_tune_type: mlx_lm has no DoRA for the experts of a model \(mlp\.switch_mlp\.up_proj\)/,
    );
    const parameters = { rank: 8, scale: 20, dropout: 0, keys: ['self_attn.q_proj'] };
    expect((await other.plan(config({ ...dora, lora_parameters: parameters }))).warnings).to.eql([]);
  });

  it('is warned of alone where mlx_lm may rename the layers', async () => {
    const other = await configWorkspace();
    await tinyModel(join(other.root, 'models/tiny'), { shapes: layerShapes(4), isMlx: false });
    const { warnings } = await other.plan(config(lora({ keys: ['mlp.switch_mlp.up_proj'] })));
    expect(warnings).to.have.length(1);
    expect(warnings[0]).to.match(/no layer of the model's files is named mlp\.switch_mlp\.up_proj/);
  });

  it('that would resume from a file of something else is refused', async () => {
    const resumed = (file: string) => workspace.reasons(config({ num_layers: 4, resume_adapter_file: file }));
    await writeFile(
      join(workspace.root, 'peft.safetensors'),
      tensorFile({ 'base_model.model.q_proj.lora_A.weight': [2, 4] }),
    );
    expect(await resumed('peft.safetensors')).to.match(
      /lora_A\.weight is not a tensor of an mlx_lm adapter .*; it is one of Hugging Face PEFT/,
    );
    await writeFile(
      join(workspace.root, 'other.safetensors'),
      tensorFile({ 'model.layers.7.mlp.up_proj.lora_a': [4, 2] }),
    );
    expect(await resumed('other.safetensors')).to.match(
      /belongs to another model: the base model has no layer model\.layers\.7/,
    );
    await writeFile(
      join(workspace.root, 'wide.safetensors'),
      tensorFile({ 'model.layers.1.mlp.up_proj.lora_a': [64, 2] }),
    );
    expect(await resumed('wide.safetensors')).to.match(/lora_a has the size 64, the layer of the base model is 16 x 4/);
  });
});

describe('an adapter from outside', () => {
  const { train: _train, data: _data, ...bare } = plainConfig;
  const read = async (spoil: (folder: string, workspace: ConfigWorkspace) => Promise<void>): Promise<string> => {
    const workspace = await configWorkspace();
    const folder = join(workspace.root, 'adapter');
    await tinyAdapter(folder, ['adapters.safetensors']);
    await spoil(folder, workspace);
    return workspace.reasons({ ...bare, from: { adapter: 'adapter' } });
  };
  const settings =
    (value: object, start = '') =>
    async (folder: string) =>
      writeFile(join(folder, 'adapter_config.json'), start + JSON.stringify(value));
  const right = { num_layers: 4, lora_parameters: { rank: 2, scale: 20, dropout: 0 } };

  it('is read, or what mlx_lm would stop at is named', async () => {
    expect(await read(settings(right, '\uFEFF'))).to.match(
      /from\.adapter: WS\/adapter\/adapter_config\.json: begins with a byte order mark/,
    );
    const { num_layers: _, ...parameters } = right;
    expect(await read(settings({ lora_layers: 4, ...parameters }))).to.match(
      /has the old key lora_layers; mlx_lm reads num_layers\n.*\n +rename the key: "num_layers": 4/,
    );
    expect(await read(settings(parameters))).to.match(/has no num_layers/);
    expect(await read(settings({ num_layers: 4 }))).to.match(/has no lora_parameters/);
    expect(await read(settings([]))).to.match(/adapter_config\.json: not a JSON object/);
    const cut = (folder: string) =>
      writeFile(join(folder, 'adapters.safetensors'), 'version https://git-lfs.github.com/spec/v1');
    expect(await read(cut)).to.match(/adapters\.safetensors: is a Git LFS pointer/);
    const other = (_folder: string, { root }: ConfigWorkspace) =>
      tinyModel(join(root, 'models/tiny'), { shapes: { 'model.layers.3.mlp.up_proj.weight': [16, 4] } }).then(
        () => undefined,
      );
    expect(await read(other)).to.match(
      /belongs to another model: the base model has no layer model\.layers\.0\.self_attn\.q_proj/,
    );
  });
});
