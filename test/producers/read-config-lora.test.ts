import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse } from 'yaml';
import { importConfig } from '../../src/commands/import.ts';
import { isLoraConfig, phaseOfLora } from '../../src/core/config/lora-config.ts';
import { CommandError } from '../../src/core/errors.ts';
import { type ConfigWorkspace, configWorkspace, mlxFacts, plainConfig } from '../helpers/config-workspace.ts';
import { tempDir } from '../helpers/temp.ts';

/** A config as mlx_lm's own example has it. */
const lora = `model: models/tiny
train: true
fine_tune_type: lora
data: data/rows
seed: 7
lora_layers: 8
batch_size: 2
iters: 100
learning_rate: 1e-5
resume_adapter_file: null
adapter_path: adapters
test: false
test_batches: 100
lora_parameters: { rank: 8, scale: 20.0, dropout: 0.0 }
`;

const phase = `# Made from lora_config.yaml. Relative paths are resolved from the workspace.
# Left out: adapter_path, train, test_batches.
# Write your own suite as eval.suite: it scores the model.
phase: lora_config
model: models/tiny
data: data/rows
seeds:
  - 7
train:
  fine_tune_type: lora
  batch_size: 2
  iters: 100
  learning_rate: 0.00001
  lora_parameters:
    rank: 8
    scale: 20
    dropout: 0
  num_layers: 8
eval:
  suite: suites/agent-27.yaml
`;

describe("a config of mlx_lm's own", () => {
  let workspace: ConfigWorkspace;
  before(async () => {
    workspace = await configWorkspace();
  });

  it('is recognized, and the phase file that it would be is printed', async () => {
    const [first = '', ...rest] = (await workspace.reasons(lora)).split('\n');
    expect(first).to.equal(
      'a.yaml: this is a config of `mlx_lm lora`, not of a phase, which also has a name and a suite',
    );
    expect(rest[0]).to.equal('    `phasebox import` writes this phase file from it:');
    const shown = rest.slice(2).map((line) => line.replace(/^ {4}/, ''));
    expect(`${shown.join('\n')}\n`).to.equal(
      phase.replaceAll('lora_config', 'a').replace('from a.yaml', 'from a.yaml'),
    );
  });

  it('becomes a phase that is accepted once it has a suite of its own', async () => {
    const { config, runs } = await workspace.plan(phase.replace('agent-27', 'small'));
    expect(config.seeds).to.eql([7]);
    expect(runs.map(({ run }) => run)).to.eql(['lora_config-s7']);
    const { train } = parse(phase) as { train: object };
    expect(runs[0]?.settings.train).to.eql(train);
  });

  it('may be the adapter_config.json of a training, without what it leaves at its default', () => {
    const { config: _config, ...defaults } = mlxFacts.defaults;
    const written = {
      ...defaults,
      model: 'm',
      data: 'd',
      train: true,
      adapter_path: 'adapter',
      trust_remote_code: false,
    };
    expect(isLoraConfig(written)).to.equal(true);
    const made = parse(phaseOfLora(written, { name: '.43 a/b.json', from: 'adapter_config.json' })) as object;
    expect(made).to.eql({
      ...{ phase: '43-a-b-json-1', model: 'm', data: 'd', seeds: [0] },
      train: {
        ...{ fine_tune_type: 'lora', optimizer: 'adam', num_layers: 16, batch_size: 4, iters: 1000, val_batches: 25 },
        ...{ learning_rate: 1e-5, steps_per_report: 10, steps_per_eval: 200, save_every: 100, max_seq_length: 2048 },
        ...{ grad_checkpoint: false, grad_accumulation_steps: 1, mask_prompt: false },
        lora_parameters: { rank: 8, dropout: 0, scale: 20 },
      },
      eval: { suite: 'suites/agent-27.yaml' },
    });
  });

  it('is no phase with a setting in the wrong place, which is said', async () => {
    expect(isLoraConfig({ ...plainConfig, iters: 20, batch_size: 4 })).to.equal(false);
    expect(isLoraConfig({ model: 'm', data: 'd', train: { iters: 20 }, iters: 5 })).to.equal(false);
    expect(await workspace.reasons({ ...plainConfig, batch_size: 4, mask_prompt: true })).to.match(
      /batch_size: unknown key\n +it is a training setting: write it in `train:`\n\n.*mask_prompt: unknown key/,
    );
  });
});

describe('phasebox import', () => {
  const said: string[] = [];
  const options = { print: (text: string) => void said.push(text), tell: (text: string) => void said.push(text) };
  const refusal = (file: string, output?: string): Promise<unknown> =>
    importConfig(file, { ...options, ...(output === undefined ? {} : { output }) }).then(
      () => null,
      (error: unknown) => (error instanceof CommandError ? [error.exitCode, error.message] : error),
    );

  beforeEach(() => void said.splice(0));

  it('writes the phase file, or prints it, and overwrites nothing', async () => {
    const root = await tempDir('import');
    const file = join(root, 'lora_config.yaml');
    await writeFile(file, lora);
    const output = join(root, 'a.yaml');
    await importConfig(file, { ...options, output });
    expect(await readFile(output, 'utf8')).to.equal(phase);
    expect(said).to.eql([`${output} is written. Check it with \`phasebox plan ${output}\`.`]);
    await importConfig(file, { ...options, output: '-' });
    expect(said[1]).to.equal(phase);
    expect(await refusal(file, output)).to.eql([2, `${output} already exists. Give -o another name.`]);
    const adapter = join(root, 'adapters-7');
    await mkdir(adapter);
    await writeFile(join(adapter, 'adapter_config.json'), JSON.stringify(parse(lora)));
    await importConfig(join(adapter, 'adapter_config.json'), { ...options, output: '-' });
    expect(said[2]).to.match(/^# Made from adapter_config\.json\.[\s\S]*\nphase: adapters-7\n/);
  });

  it('refuses anything else', async () => {
    const root = await tempDir('import');
    const file = join(root, 'phase.yaml');
    await writeFile(file, phase);
    expect(await refusal(file)).to.eql([
      2,
      `${file} is not a config of mlx_lm lora, and not an adapter_config.json: it has none of their settings, or it is already a phase.`,
    ]);
    await writeFile(file, 'model: [');
    expect(String(await refusal(file))).to.match(/^2,.*phase\.yaml is not accepted: 1 problem/);
    expect(await refusal(join(root, 'none.yaml'))).to.eql([2, `${root}/none.yaml does not exist`]);
  });
});
