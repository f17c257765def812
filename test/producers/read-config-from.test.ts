import { readFile } from 'node:fs/promises';
import { expect } from 'chai';
import { contentHash } from '../../src/io/thread/content-hash.ts';
import { configWorkspace, plainConfig, smallSuite } from '../helpers/config-workspace.ts';
import { tinyAdapter } from '../helpers/tiny-model.ts';

const { train: _train, data: _data, model: _model, ...bare } = plainConfig;
const evalOnly = { ...bare, phase: '44' };

describe('a config that begins elsewhere', () => {
  it('with a run: model, data and settings up to there are its', async () => {
    const workspace = await configWorkspace();
    const source = await workspace.accept({ ...plainConfig, min_rows: { train: 1 }, fuse: { q_bits: 4 } });
    const { runs } = await workspace.plan({
      ...evalOnly,
      from: { run: '43A-s0', after: 'train' },
      fuse: { q_bits: 6 },
    });
    const [run] = runs;
    expect(run?.from).to.deep.equal({ run: '43a-s0', after: 'train' });
    expect(run?.chain).to.deep.equal(['fuse', 'cleanup', 'eval']);
    expect(run).to.deep.include({ model: source.runs[0]?.model, data: source.runs[0]?.data, min_rows: { train: 1 } });
    expect(run?.settings.train).to.deep.equal(plainConfig.train);
    expect(run?.settings.fuse.q_bits).to.equal(6);
  });

  it('with a run after its fuse: that is inherited too, and only the eval is left', async () => {
    const workspace = await configWorkspace();
    await workspace.accept({ ...plainConfig, fuse: { q_bits: 4 } });
    const { runs } = await workspace.plan({ ...evalOnly, from: { run: '43a-s0', after: 'fuse' } });
    expect(runs[0]?.chain).to.deep.equal(['eval']);
    expect(runs[0]?.settings.fuse).to.deep.equal({ mode: 'direct', q_bits: 4, q_group_size: 64 });
  });

  it('with a run: its suite too, where the eval has none, and that is said', async () => {
    const workspace = await configWorkspace();
    await workspace.accept(plainConfig);
    const suite = `${workspace.root}/suites/small.yaml`;
    const warm = { phase: '44', from: { run: '43a-s0', after: 'train' }, eval: { temperature: 0.7 } };
    const { runs, warnings, transient, config } = await workspace.plan(warm);
    expect(runs[0]?.settings.eval).to.include({ suite, temperature: 0.7 });
    expect(config.eval?.suite).to.equal(suite);
    expect(warnings).to.deep.equal([`eval.suite is omitted, so the suite of 43a-s0 is used: ${suite}`]);
    expect(transient).to.deep.equal(warnings);
    await workspace.write('suites/other.yaml', smallSuite);
    const own = { ...warm, eval: { suite: 'suites/other.yaml' } };
    expect((await workspace.plan(own)).runs[0]?.settings.eval.suite).to.equal(`${workspace.root}/suites/other.yaml`);
    const gone = await workspace.reasons({ ...warm, from: { run: '43x-s0', after: 'train' } });
    expect(gone).to.contain('there is no such run').and.not.contain('eval.suite');
    expect(await workspace.reasons({ ...warm, from: { model: 'models/tiny' } })).to.contain('eval.suite');
  });

  it('with a run of the same drop', async () => {
    const workspace = await configWorkspace();
    const earlier = await workspace.plan({ ...plainConfig, variants: { q4: { fuse: { q_bits: 4 } } } });
    const from = { run: '43a-s0-q4', after: 'fuse' };
    const { runs } = await workspace.plan(
      { ...evalOnly, from, baseline: '43A', criteria: { gate: 'overall > baseline.domain' } },
      [earlier],
    );
    expect(runs[0]).to.deep.include({ from, chain: ['eval'], baseline: '43A' });
  });

  it('with a whole model: the eval alone, whatever the other sections say', async () => {
    const workspace = await configWorkspace();
    const { runs, warnings } = await workspace.plan({
      ...evalOnly,
      from: { model: 'models/tiny' },
      fuse: { mode: 'none' },
    });
    const model = `${workspace.root}/models/tiny`;
    expect(runs[0]).to.deep.include({
      from: { model, sha256: await contentHash(model) },
      chain: ['eval'],
      model: null,
      data: null,
    });
    expect(runs[0]?.settings).to.deep.include({ train: null, fuse: { mode: 'direct', q_bits: 5, q_group_size: 64 } });
    expect(warnings).to.deep.equal(['fuse has no use here: the phase begins with from.model']);
  });

  it('with an adapter and one of its checkpoints', async () => {
    const workspace = await configWorkspace();
    await tinyAdapter(`${workspace.root}/adapter`, ['0000600_adapters.safetensors']);
    const config = { ...evalOnly, model: 'models/tiny', from: { adapter: 'adapter', checkpoint: 600 } };
    const { runs } = await workspace.plan({ ...config, variants: { raw: { fuse: { mode: 'none' } } } });
    const adapter = `${workspace.root}/adapter`;
    const from = { adapter, checkpoint: 600, sha256: await contentHash(adapter) };
    expect(runs.map(({ run, chain }) => [run, chain])).to.deep.equal([
      ['44-s0', ['fuse', 'cleanup', 'eval']],
      ['44-s0-raw', ['eval']],
    ]);
    for (const run of runs) expect(run).to.deep.include({ from, data: null });
  });

  it('takes nothing over by extends that its from brings', async () => {
    const workspace = await configWorkspace();
    await workspace.accept({ ...plainConfig, fuse: { q_bits: 3 } });
    const ofRun = await workspace.plan({ phase: '44', extends: '43a', from: { run: '43a-s0', after: 'train' } });
    expect(ofRun.runs[0]?.settings.fuse.q_bits).to.equal(3);
    const ofModel = await workspace.plan({ phase: '45', extends: '43a', from: { model: 'models/tiny' } });
    expect(ofModel).to.deep.include({ warnings: [] });
    expect(ofModel.runs[0]).to.deep.include({ chain: ['eval'], model: null, data: null });
  });

  it('varies nothing that is made already', async () => {
    const workspace = await configWorkspace();
    await workspace.accept(plainConfig);
    const config = { ...evalOnly, from: { run: '43a-s0', after: 'fuse' }, variants: { x: { fuse: { q_bits: 2 } } } };
    expect(await workspace.reasons(config)).to.match(/variants\.x\.fuse: this phase begins after that stage/);
  });

  it('starts from no run that is not there or has not that stage', async () => {
    const workspace = await configWorkspace();
    await workspace.accept({ ...plainConfig, variants: { q4: { fuse: { q_bits: 4 } } } });
    const from = (run: string, after: string) =>
      workspace.reasons({ phase: '44', eval: { suite: 'suites/small.yaml' }, from: { run, after } });
    expect(
      await from('43a-s1', 'train'),
    ).to.equal(`a.yaml:5: from.run: there is no such run; allowed: a run of an accepted phase, such as \`43a-s0\`
    seen: "43a-s1"
    did you mean "43a-s0"?`);
    expect(
      await from('43a-s0', 'quantize'),
    ).to.equal(`a.yaml:6: from.after: 43a-s0 has no stage quantize; allowed: train, fuse
    seen: "quantize"`);
    expect(await from('43a-s0-q4', 'train')).to.equal(`a.yaml:6: from.after: 43a-s0-q4 has no stage train; allowed: fuse
    seen: "train"
    43a-s0-q4 itself starts after train of 43a-s0`);
    expect(await from('../43a-s0', 'train')).to.contain('there is no such run');
  });

  it('may not say what its source run brings', async () => {
    const workspace = await configWorkspace();
    await workspace.accept(plainConfig);
    const reasons = await workspace.reasons({
      ...plainConfig,
      phase: '44',
      fuse: {},
      from: { run: '43a-s0', after: 'fuse' },
    });
    expect(reasons.match(/^a\.yaml:\d+: \w+: .*/gm)).to.deep.equal([
      'a.yaml:2: model: not allowed with from.run: the run brings its own',
      'a.yaml:3: data: not allowed with from.run: the run brings its own',
      'a.yaml:4: train: not allowed with from.run: the run brings its own',
      'a.yaml:9: fuse: not allowed with from.run: the run brings its own',
    ]);
  });

  it('names what is given as an adapter and is none, and what to do with it', async () => {
    const workspace = await configWorkspace();
    const { train: _, data: __, ...rest } = plainConfig;
    const files = {
      'peft/adapter_config.json': '\uFEFF{"peft_type": "LORA", "r": 8}',
      'peft/adapter_model.safetensors': 'x',
      'bare/adapters.safetensors': 'x',
      'numbered/adapter_config.json': '{"num_layers": 2, "lora_parameters": {"rank": 8, "scale": 20, "dropout": 0}}',
      'numbered/0000200_adapters.safetensors': 'x',
      'numbered/0001000_adapters.safetensors': 'x',
      'run/1-train/adapter_config.json': '{}',
      'old/adapters.npz': 'x',
      'lora.gguf': 'x',
    };
    for (const [path, text] of Object.entries(files)) await workspace.write(path, text);
    const told = async (adapter: string): Promise<string> =>
      (await workspace.reasons({ ...rest, from: { adapter } })).replace(/^a\.yaml:\d+: from\.adapter: /, '');
    const seen = (adapter: string): string => `\n    seen: "${adapter}"\n    `;
    const cases: readonly (readonly [adapter: string, message: string, hint: string])[] = [
      [
        'peft',
        'WS/peft is an adapter of Hugging Face PEFT (peft_type LORA in adapter_config.json), which mlx_lm cannot load',
        'train it again',
      ],
      ['bare', 'WS/bare has no adapter_config.json', '`mlx_lm lora` wrote it next to the weights: copy it from there'],
      [
        'bare/adapters.safetensors',
        'WS/bare/adapters.safetensors is a file; allowed: a folder',
        'write from: { adapter: WS/bare }',
      ],
      [
        'numbered/0000200_adapters.safetensors',
        'WS/numbered/0000200_adapters.safetensors is a file; allowed: a folder',
        'write from: { adapter: WS/numbered, checkpoint: 200 }',
      ],
      ['numbered', 'WS/numbered has no adapters.safetensors', 'its checkpoints: 200, 1000; name one: checkpoint: 1000'],
      ['run', 'WS/run has no adapter_config.json', 'did you mean WS/run/1-train?'],
      [
        'old',
        'WS/old has adapters.npz, the format of early versions of mlx_lm; it reads adapters.safetensors now',
        'convert it: python',
      ],
      ['models/tiny', 'WS/models/tiny is a whole model, not an adapter', 'write from: { model: DIR }'],
      ['lora.gguf', 'WS has lora.gguf, a file of llama.cpp, which mlx_lm cannot load', 'from.adapter takes the folder'],
      ['none', 'the folder WS/none does not exist', 'relative paths are resolved from the workspace'],
    ];
    for (const [adapter, message, hint] of cases)
      expect(await told(adapter), adapter).to.satisfy((text: string) =>
        text.startsWith(`${message}${seen(adapter)}${hint}`),
      );
  });

  it('refuses an adapter that was trained on another base model, by both names', async () => {
    const workspace = await configWorkspace();
    await tinyAdapter(`${workspace.root}/adapter`, ['adapters.safetensors']);
    const { train: _, data: __, ...rest } = plainConfig;
    await workspace.write('models/other/config.json', '{"model_type": "qwen3"}');
    await workspace.write(
      'models/copy/config.json',
      await readFile(`${workspace.root}/models/tiny/config.json`, 'utf8'),
    );
    const config = JSON.parse(await readFile(`${workspace.root}/adapter/adapter_config.json`, 'utf8'));
    const trainedOn = (model: string) =>
      workspace.write('adapter/adapter_config.json', JSON.stringify({ ...config, model }));
    const phase = { ...rest, from: { adapter: 'adapter' } };
    await trainedOn('models/other');
    expect(await workspace.reasons(phase)).to.contain(
      'the adapter was trained on models/other, and this phase has models/tiny as its base model',
    );
    for (const model of ['models/tiny', 'models/copy', '/gone/models/tiny', 'org/tiny']) {
      await trainedOn(model);
      expect((await workspace.plan(phase)).runs, model).to.have.length(1);
    }
  });

  it('names the checkpoints that an adapter has', async () => {
    const workspace = await configWorkspace();
    const files = ['0000600', '0000200'].map((n) => `${n}_adapters.safetensors`);
    await tinyAdapter(`${workspace.root}/adapter`, files);
    const { train: _, data: __, ...rest } = plainConfig;
    expect(
      await workspace.reasons({ ...rest, from: { adapter: 'adapter', checkpoint: 800 } }),
    ).to.equal(`a.yaml:7: from.checkpoint: WS/adapter has no 0000800_adapters.safetensors
    seen: 800
    its checkpoints: 200, 600`);
  });
});
