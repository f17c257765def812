import { cp, mkdir, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { readConfig } from '../../src/core/config/read-config.ts';
import { readModelFolder } from '../../src/io/model/model-folder.ts';
import { openLookups } from '../../src/io/workspace/lookups.ts';
import {
  type ConfigWorkspace,
  configWorkspace,
  mlxFacts,
  plainConfig,
  plainText,
} from '../helpers/config-workspace.ts';
import { layerShapes, tensorFile, tinyModel } from '../helpers/tiny-model.ts';

const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${'a'.repeat(64)}\nsize 99544\n`;
const first = 'model-00001-of-00002.safetensors';

/** How a whole model is spoiled, and what its author reads of it. */
const spoiled: readonly (readonly [name: string, spoil: (folder: string) => Promise<void>, told: RegExp])[] = [
  [
    'weights that are a Git LFS pointer',
    (folder) => writeFile(join(folder, 'model.safetensors'), pointer),
    /model: WS\/models\/tiny: model\.safetensors: is a Git LFS pointer.*\n.*\n.*git -C WS\/models\/tiny lfs pull/,
  ],
  [
    'a tokenizer that is a Git LFS pointer',
    (folder) => writeFile(join(folder, 'tokenizer.json'), pointer),
    /tokenizer\.json: is a Git LFS pointer/,
  ],
  [
    'a chat template that is a Git LFS pointer',
    (folder) => writeFile(join(folder, 'chat_template.jinja'), pointer),
    /chat_template\.jinja: is a Git LFS pointer/,
  ],
  [
    'a web page in place of the weights',
    (folder) => writeFile(join(folder, 'model.safetensors'), '<!DOCTYPE html><html>Access denied</html>'),
    /model\.safetensors: is a web page, not the file itself\n.*\n +copy the file again, or fetch the model again/,
  ],
  [
    'a web page in place of config.json',
    (folder) => writeFile(join(folder, 'config.json'), '\n<html>'),
    /config\.json: is a web page/,
  ],
  ['weights that were cut', (folder) => truncate(join(folder, 'model.safetensors'), 200), /model\.safetensors: cut: /],
  ['empty weights', (folder) => writeFile(join(folder, 'model.safetensors'), ''), /model\.safetensors is empty/],
  [
    'one shard less, without an index',
    (folder) => rename(join(folder, 'model.safetensors'), join(folder, first)),
    /shard 2 of 2 is missing/,
  ],
  [
    'one shard less than the index names',
    (folder) => writeFile(join(folder, 'model.safetensors.index.json'), `{"weight_map": {"a": "${first}"}}`),
    /model-00001-of-00002\.safetensors is missing/,
  ],
  [
    'an index of other weights',
    (folder) => writeFile(join(folder, 'model.safetensors.index.json'), '{"weight_map": {}}'),
    /index\.json: does not name tensor model\.embed_tokens\.weight/,
  ],
  [
    'names of another tool',
    (folder) => rename(join(folder, 'model.safetensors'), join(folder, 'weights.00.safetensors')),
    /it has no model\*\.safetensors; weights\.00\.safetensors: mlx_lm only reads files named model\*\.safetensors/,
  ],
  [
    'a name in capitals',
    (folder) => rename(join(folder, 'model.safetensors'), join(folder, 'Model.safetensors')),
    /Model\.safetensors: mlx_lm only reads files named model\*\.safetensors, in lower case/,
  ],
  [
    'no tokenizer',
    (folder) => rm(join(folder, 'tokenizer.json')),
    /tokenizer\.json: not there, and no other tokenizer is/,
  ],
  [
    'a config.json with a byte order mark',
    (folder) => writeFile(join(folder, 'config.json'), '\uFEFF{"model_type": "qwen3"}'),
    /config\.json: begins with a byte order mark \(BOM\), which mlx_lm cannot read/,
  ],
  ['a config.json that is no JSON', (folder) => writeFile(join(folder, 'config.json'), '{'), /config\.json: not JSON/],
  [
    'an unknown model type',
    (folder) => writeFile(join(folder, 'config.json'), '{"model_type": "qwen9"}'),
    /mlx-lm 0\.32\.2 cannot load the model type qwen9 \(its nearest: qwen3\)\n.*\n.*a newer mlx-lm may: .*pip install --upgrade/,
  ],
  ['no model type', (folder) => writeFile(join(folder, 'config.json'), '{}'), /config\.json has no model_type/],
  [
    'a model with its own code that is not trusted',
    (folder) => writeFile(join(folder, 'config.json'), '{"model_type": "x", "model_file": "own.py"}'),
    /asks for the model's own code \(own\.py\).*\n.*\n.*trust_remote_code: true under train/,
  ],
  [
    'quantized weights without a word of it in config.json',
    async (folder) => {
      const shapes = { 'a.weight': [2, 2], 'a.scales': [2, 2], 'a.biases': [2, 2] };
      await writeFile(
        join(folder, 'model.safetensors'),
        tensorFile(shapes).toString('latin1').replace('"F32"', '"U32"'),
        'latin1',
      );
    },
    /config\.json: has no section quantization, but the weights are quantized \(a\.weight\)/,
  ],
  [
    'weights quantized by bitsandbytes',
    (folder) => writeFile(join(folder, 'model.safetensors'), tensorFile({ 'a.weight': [2], 'a.weight.absmax': [2] })),
    /quantized by bitsandbytes \(a\.weight\.absmax\)/,
  ],
  [
    'a GPTQ model with a group index',
    async (folder) => {
      await writeFile(
        join(folder, 'config.json'),
        '{"model_type": "qwen3", "quantization_config": {"quant_method": "gptq"}}',
      );
      await writeFile(join(folder, 'model.safetensors'), tensorFile({ 'a.qweight': [2], 'a.g_idx': [2] }));
    },
    /quantized by gptq with a\.g_idx/,
  ],
  [
    'an AWQ model of 8 bits',
    (folder) =>
      writeFile(
        join(folder, 'config.json'),
        '{"model_type": "qwen3", "quantization_config": {"quant_method": "awq", "bits": 8}}',
      ),
    /quantized by awq to 8 bits; mlx_lm only reads 4/,
  ],
  [
    'a link to weights that are gone',
    async (folder) => {
      await rm(join(folder, 'tokenizer.json'));
      await symlink('../../blobs/tokenizer', join(folder, 'tokenizer.json'));
    },
    /tokenizer\.json: is a link to \.\.\/\.\.\/blobs\/tokenizer, which is not there/,
  ],
  [
    'PyTorch weights alone',
    (folder) => rename(join(folder, 'model.safetensors'), join(folder, 'pytorch_model.bin')),
    /pytorch_model\.bin has PyTorch weights.*\n.*\n.*mlx_lm convert/,
  ],
  [
    'a GGUF file alone',
    (folder) => rename(join(folder, 'model.safetensors'), join(folder, 'tiny.Q4_K_M.gguf')),
    /tiny\.Q4_K_M\.gguf is in the GGUF format/,
  ],
  [
    'an adapter in place of a model',
    async (folder) => {
      for (const name of ['config.json', 'tokenizer.json']) await rm(join(folder, name));
      await rename(join(folder, 'model.safetensors'), join(folder, 'adapters.safetensors'));
      await writeFile(join(folder, 'adapter_config.json'), '{}');
    },
    /this folder has an adapter \(adapter_config\.json\), not a model\n.*\n.*from: \{ adapter: FOLDER \}/,
  ],
];

describe('a base model is proven when a config is read', () => {
  for (const [name, spoil, told] of spoiled) {
    it(`refuses ${name}`, async () => {
      const workspace = await configWorkspace();
      await spoil(join(workspace.root, 'models/tiny'));
      expect(await workspace.reasons(plainConfig)).to.match(told);
    });
  }

  it('refuses the same of from.model, and of the base of from.adapter', async () => {
    const workspace = await configWorkspace();
    await writeFile(join(workspace.root, 'models/tiny/model.safetensors'), pointer);
    const { train: _, data: __, model: ___, ...bare } = plainConfig;
    expect(await workspace.reasons({ ...bare, from: { model: 'models/tiny' } })).to.match(
      /^a\.yaml:\d+: from\.model: WS\/models\/tiny: model\.safetensors: is a Git LFS pointer/,
    );
    const reasons = await workspace.reasons({ ...bare, model: 'models/tiny', from: { adapter: 'none' } });
    expect(reasons).to.contain('model: WS/models/tiny: model.safetensors: is a Git LFS pointer');
  });

  const taken: readonly (readonly [name: string, config: object])[] = [
    ['a vision model that mlx_lm remaps', { model_type: 'qwen2_5_vl' }],
    [
      'a type that its architecture decides',
      { model_type: 'bailing_hybrid', architectures: ['BailingMoeV3ForCausalLM'] },
    ],
    ['numbers that only Python writes', { model_type: 'qwen3', time_step_limit: [0, '@Infinity'] }],
    [
      'a quantization that mlx_lm transforms',
      { model_type: 'qwen3', quantization_config: { quant_method: 'awq', bits: 4 } },
    ],
  ];
  for (const [name, config] of taken) {
    it(`takes ${name}`, async () => {
      const workspace = await configWorkspace();
      await workspace.write('models/tiny/config.json', JSON.stringify(config).replace('"@Infinity"', 'Infinity'));
      expect((await workspace.plan(plainConfig)).warnings).to.eql([]);
    });
  }

  it('takes code that is trusted, and what else lies in the folder', async () => {
    const workspace = await configWorkspace();
    const folder = join(workspace.root, 'models/tiny');
    await workspace.write('models/tiny/config.json', '{"model_type": "x", "model_file": "own.py"}');
    await symlink('../blobs/readme', join(folder, 'README.md'));
    await mkdir(join(folder, 'original'));
    const train = { ...plainConfig.train, trust_remote_code: true };
    const facts = { ...mlxFacts, defaults: { ...mlxFacts.defaults, trust_remote_code: false } };
    const bytes = Buffer.from(JSON.stringify({ ...plainConfig, train }));
    const result = await readConfig(bytes, 'a.yaml', { ...workspace.lookups, facts: async () => facts });
    expect(result.ok).to.equal(true);
  });

  it('warns of versions that are known to fail with this model', async () => {
    const workspace = await configWorkspace();
    await workspace.write('models/tiny/config.json', '{"model_type": "qwen3_moe", "num_experts": 8}');
    const old = { ...mlxFacts, versions: { ...mlxFacts.versions, mlx_lm: '0.31.3' } };
    const read = await readConfig(Buffer.from(plainText), 'a.yaml', { ...workspace.lookups, facts: async () => old });
    expect(read.ok && read.plan.warnings).to.eql([
      'mlx-lm 0.31.3 does not work with mlx 0.32.4: the training of a mixture of experts fails at its first step ("Cannot calculate VJP with respect to indices"); update mlx-lm before the run starts',
    ]);
  });

  it('checks the headers without a Python, and says what it did not check', async () => {
    const { root, lookups } = await configWorkspace();
    const places = { root, artifacts: join(root, 'artifacts'), python: '/no/such/python', pythonOptional: true };
    const { facts } = openLookups(places);
    const read = () => readConfig(Buffer.from(plainText), 'a.yaml', { ...lookups, facts });
    const right = await read();
    expect(right.ok && right.plan.warnings).to.have.length(1);
    expect(right.ok && right.plan.warnings[0]).to.match(
      /^not checked here: the keys of train, whether mlx_lm can load the model, and whether its chat template takes the suite\. \/no\/such\/python cannot be run/,
    );
    await truncate(join(root, 'models/tiny/model.safetensors'), 200);
    const wrong = await read();
    expect(wrong.ok ? [] : wrong.problems.map(({ message }) => message)).to.match(/model\.safetensors: cut/);
  });
});

describe('the models of the demo', () => {
  it('are whole by their headers', async () => {
    for (const name of ['A', 'B']) {
      const folder = new URL(`../../demo/models/${name}-base`, import.meta.url).pathname;
      const model = await readModelFolder(folder);
      expect(model.whole && model.isMlx, name).to.equal(true);
    }
  });
});

describe('a model of the Hub cache', () => {
  const before = process.env.HF_HUB_CACHE;
  let workspace: ConfigWorkspace;
  let snapshot: string;
  beforeEach(async () => {
    workspace = await configWorkspace();
    process.env.HF_HUB_CACHE = join(workspace.root, 'hub');
    const home = join(workspace.root, 'hub/models--org--tiny');
    snapshot = join(home, 'snapshots/abc');
    await tinyModel(snapshot, { shapes: layerShapes(20) });
    await mkdir(join(home, 'refs'));
    await writeFile(join(home, 'refs/main'), 'abc');
  });
  afterEach(() => {
    if (before === undefined) delete process.env.HF_HUB_CACHE;
    else process.env.HF_HUB_CACHE = before;
  });
  const config = { ...plainConfig, model: 'org/tiny' };

  it('that is damaged is deleted and fetched again, also with download: true', async () => {
    await writeFile(join(snapshot, 'model.safetensors'), pointer);
    const told =
      /model\.safetensors: is a Git LFS pointer.*\n.*\n +delete WS\/hub\/models--org--tiny, then fetch the model again: `hf download org\/tiny`/;
    expect(await workspace.reasons(config)).to.match(told);
    expect(await workspace.reasons({ ...config, download: true })).to.match(told);
  });

  it('that lacks a file is fetched: by hand, or with download: true before the run starts', async () => {
    await rm(join(snapshot, 'tokenizer.json'));
    expect(await workspace.reasons(config)).to.match(
      /tokenizer\.json: not there.*\n.*\n +fetch it: `hf download org\/tiny`/,
    );
    const { runs, warnings } = await workspace.plan({ ...config, download: true });
    expect(runs[0]?.model).to.deep.include({ folder: null, download: true });
    expect(warnings).to.eql(['org/tiny is not here yet: it is fetched before the first run starts']);
    await cp(join(workspace.root, 'models/tiny/tokenizer.json'), join(snapshot, 'tokenizer.json'));
    expect((await workspace.plan(config)).runs[0]?.model?.folder).to.equal(snapshot);
  });
});
