import { cp, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { parse } from 'yaml';
import { plan } from '../../src/commands/plan.ts';
import { CommandError } from '../../src/core/errors.ts';
import { openLookups } from '../../src/io/workspace/lookups.ts';
import { openWorkspace } from '../../src/io/workspace/workspace.ts';
import { planReader } from '../../src/producers/accept.ts';
import { demoFolder, quickTrain, testPython } from '../helpers/real-stage.ts';
import { tempDir } from '../helpers/temp.ts';

const repository = resolve(import.meta.dirname, '../..');
const example = (name: string): string => join(repository, 'examples', name);
const [a, b] = [example('43a-coder30b.yaml'), example('43b-qwen3-14b.yaml')];

/** A workspace with our suites, and nothing that the user's A and B need. `name` may be anything. */
async function workspaceFolder(name = 'ws'): Promise<string> {
  const root = join(await tempDir('plan'), name);
  await mkdir(join(root, '.phasebox'), { recursive: true });
  await symlink(join(repository, 'suites'), join(root, 'suites'));
  await writeFile(join(root, 'phasebox.yaml'), `python: ${JSON.stringify(testPython)}\n`);
  return root;
}

interface Options {
  readonly sh?: boolean;
  readonly against?: string;
  readonly json?: boolean;
}

async function planned(root: string, files: readonly string[], options: Options = {}): Promise<string> {
  let text = '';
  const workspace = await openWorkspace(root, 'read');
  const print = (more: string): void => {
    text += more;
  };
  await plan(files, { ...options, workspace, print });
  return text;
}

/** Every file with its size and time: what must stay the same. */
async function state(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true });
  return Promise.all(names.sort().map(async (name) => `${name} ${(await stat(join(folder, name))).mtimeMs}`));
}

describe('commands/plan', () => {
  const hub = process.env.HF_HUB_CACHE;
  before(async () => {
    process.env.HF_HUB_CACHE = '/nowhere/hub';
  });
  after(() => {
    if (hub === undefined) delete process.env.HF_HUB_CACHE;
    else process.env.HF_HUB_CACHE = hub;
  });

  it("shows exactly the settings of the user's experiment A, its disk, and what is missing", async () => {
    const root = await workspaceFolder();
    await openWorkspace(root, 'read');
    const before = await state(root);
    const { phases } = JSON.parse(await planned(root, [a], { json: true }));
    const [run] = phases[0].runs;
    expect(run.data_check).to.deep.equal({ checked: false, reason: 'the model is not on this machine' });
    const set = Object.fromEntries(run.train.map((one: { name: string; value: unknown }) => [one.name, one.value]));
    expect(set).to.include({
      iters: 800,
      batch_size: 1,
      learning_rate: 1e-4,
      num_layers: 8,
      grad_accumulation_steps: 4,
    });
    expect(set).to.include({
      mask_prompt: true,
      save_every: 200,
      steps_per_report: 10,
      steps_per_eval: 50,
      val_batches: 10,
    });
    expect(parse(run.stages[0].files[0].text)).to.deep.equal({
      model: 'mlx-community/Qwen3-Coder-30B-A3B-Instruct-4bit',
      ...{ data: join(root, 'data/phase33_merged'), train: true, seed: 0, adapter_path: 'adapter' },
      ...{ iters: 800, batch_size: 1, learning_rate: 1e-4, num_layers: 8, grad_accumulation_steps: 4 },
      ...{ mask_prompt: true, save_every: 200, steps_per_report: 10, steps_per_eval: 50, val_batches: 10 },
    });
    expect(run.settings.fuse).to.deep.equal({ mode: 'direct', q_bits: 5, q_group_size: 64 });
    const text = await planned(root, [a]);
    expect(text).to.contain('run 43a-s0: train -> fuse -> cleanup -> eval');
    expect(text).to.contain('iters 800 (default 1000)').and.contain('learning_rate 1e-4 (default 1e-5)');
    expect(text).to.contain('fuse.mode direct avoids writing 57 GB of float16').and.contain('final model 20 GB');
    expect(text).to.contain('gate        overall >= 82.4 && (domain > 60 || multi_tool > 35)');
    expect(text).to.contain('hf download mlx-community/Qwen3-Coder-30B-A3B-Instruct-4bit');
    expect(text).to.contain(
      `data: the folder ${join(root, 'data/phase33_merged')} does not exist; a folder with train.jsonl`,
    );
    expect(text)
      .to.contain('optimizer adam')
      .and.not.match(/optimizer_config|null/);
    expect(text)
      .to.match(/^ {4}time {6}about .+ \(.+ - .+\), estimated from a rule of thumb$/m)
      .and.contain('27 prompts');
    expect(text).to.match(/^night: 3 runs, 3 trainings\. If phasebox starts now, it finishes at about /m);
    expect(text).to.match(/^ {4}examples {2}not checked: the model is not on this machine$/m);
    expect(text).to.match(/^ {2}warning {5}It is not known which suite baseline "33b" was measured on/m);
    expect(await state(root)).to.deep.equal(before);
  });

  it('shows what can be shown without a Python, and says what was not checked', async () => {
    const root = await workspaceFolder();
    await symlink(join(repository, 'demo'), join(root, 'demo'));
    await writeFile(join(root, 'phasebox.yaml'), 'python: /no/such/python\n');
    const text = await planned(root, [join(root, 'demo/B.yaml')]);
    expect(text).to.match(/^ {2}warning {5}not checked here: .*\/no\/such\/python does not exist/m);
    expect(text).to.match(/^ {4}examples {2}not checked: no Python with mlx_lm$/m);
    expect(text)
      .to.match(/^ {4}train {5}seed 0, iters \d+, /m)
      .and.not.contain('default none');
  });

  it('tells just what differs between A and B', async () => {
    const text = await planned(await workspaceFolder(), [b], { against: a });
    const paths = text.split('\n').flatMap((line) => /^ {2}([\w.]+):(?: |$)/.exec(line)?.[1] ?? []);
    expect(paths).to.deep.equal(['model', 'seeds', 'train.num_layers', 'criteria.gate', 'criteria.outcomes']);
    expect(text).to.contain('train.num_layers: 8 -> 12').and.contain('43a -> 43b');
    const outcomes = text.split('criteria.outcomes:\n')[1]?.split('\n') ?? [];
    expect(outcomes.slice(0, -1).every((line) => /^ {4}[-+] \S.* -> /.test(line) && line.length < 100)).to.equal(true);
    expect(text).to.contain('    + overall < 50 -> MoE routing is structural\n    + else -> ambiguous\n');
    const same = await planned(await workspaceFolder(), [a], { against: a });
    expect(same).to.contain('no setting differs');
  });

  it('names all that is wrong with all files, and shows nothing', async () => {
    const root = await workspaceFolder();
    const bad = join(root, 'bad.yaml');
    await writeFile(bad, (await readFile(a, 'utf8')).replace('iters: 800', 'itres: 800'));
    const error = await planned(root, [bad, a, join(root, 'none.yaml')]).then(
      () => null,
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof CommandError)) throw error;
    expect(error.exitCode).to.equal(2);
    expect(error.message).to.contain('itres').and.contain('none.yaml');
  });

  it('tells wrong data and a missing model in the words of submit', async () => {
    const root = await workspaceFolder();
    await cp(demoFolder, join(root, 'demo'), { recursive: true });
    await mkdir(join(root, 'half'));
    await writeFile(join(root, 'half/train.jsonl'), '{}\n');
    const text = await readFile(join(demoFolder, 'B.yaml'), 'utf8');
    const files = { half: text.replace('data: demo/data', 'data: half'), none: 'phase: m\nfrom: { model: ./gone }\n' };
    for (const [name, config] of Object.entries(files)) {
      const file = join(root, `${name}.yaml`);
      await writeFile(file, name === 'none' ? `${config}eval: { suite: demo/suite/demo-27.yaml }\n` : config);
      const { phases } = JSON.parse(await planned(root, [file], { json: true }));
      const read = planReader(openLookups({ root, artifacts: join(root, 'artifacts'), python: testPython }));
      const refused = await read(await readFile(file), `${name}.yaml`);
      const reasons = refused.ok ? '' : refused.reasons;
      expect(phases[0].missing).to.have.length(1);
      expect(reasons).to.contain(`${phases[0].missing[0].split(';')[0]}`);
      expect(phases[0].missing[0]).to.match(
        name === 'half' ? /^data: .*valid\.jsonl does not exist$/ : /^from\.model: the folder .* does not exist/,
      );
    }
  });

  it('plans variants that share a training, and a model by its own headers', async () => {
    const root = await workspaceFolder();
    await cp(demoFolder, join(root, 'demo'), { recursive: true });
    const file = join(root, 'v.yaml');
    const text = await readFile(join(demoFolder, 'B.yaml'), 'utf8');
    await writeFile(file, `${text}\nvariants: { q4: { fuse: { q_bits: 4 } }, raw: { fuse: { mode: none } } }\n`);
    const { phases } = JSON.parse(await planned(root, [file], { json: true }));
    expect(phases[0].missing).to.deep.equal([]);
    const chains = phases[0].runs.map((run: { run: string; chain: string[] }) => `${run.run}: ${run.chain.join(' ')}`);
    expect(chains).to.deep.equal([
      ...['B-s0: train fuse cleanup eval', 'B-s0-q4: fuse cleanup eval', 'B-s0-raw: eval'],
    ]);
    expect(phases[0].runs[1].stages[0].commands[0]).to.include(join(root, 'artifacts/B/B-s0/1-train/adapter'));
    expect(phases[0].runs[0].size_source).to.contain('headers');
    expect(phases[0].runs[0].layers).to.have.all.keys('count', 'adapted');
    const [trained, ...others] = phases[0].runs.map((run: { data_check: unknown }) => run.data_check);
    expect(others).to.deep.equal([null, null]);
    expect(trained).to.deep.include({ checked: true, stops: [] });
    expect(trained.profile.taught.answers).to.include({ total: 300, call: 282, prose: 18 });
    expect(trained.warnings.join('\n')).to.contain('18 of 300 training examples (6 %) end in text without a tool call');
  });

  it('reads the size of a complete model from its folder, and names each stage apart from what it writes', async () => {
    const root = await workspaceFolder();
    await cp(demoFolder, join(root, 'demo'), { recursive: true });
    const file = join(root, 'm.yaml');
    const suite = 'eval: { suite: demo/suite/demo-27.yaml }\n';
    await writeFile(file, `phase: m\nfrom: { model: demo/models/B-base }\n${suite}`);
    const text = await planned(root, [file]);
    expect(text).to.match(/^ {4}disk {6}\d.* at the peak.*; estimated from the headers of the model's files$/m);
    expect(text).to.match(/^ {4}6-eval {6}writes \d/m);
    const two = 'model: demo/models/B-base\ndata: demo/data\ntrain: { num_layers: 1, iters: 20, max_seq_length: 64 }\n';
    await writeFile(file, `phase: two\n${two}fuse: { mode: two_step, q_bits: 4, q_group_size: 32 }\n${suite}`);
    const trained = await planned(root, [file]);
    expect(trained).to.match(/^ {4}4-quantize {2}writes \d/m);
    expect(trained).to.match(/^ {4}layers {4}\d+ layers, 1 with an adapter$/m);
  });

  it('checks the data that several files share once', async () => {
    const root = await workspaceFolder();
    await cp(demoFolder, join(root, 'demo'), { recursive: true });
    const calls = join(root, 'calls');
    const noted = `case "$1" in *check_data.py) echo checked >>'${calls}' ;; esac`;
    await writeFile(join(root, 'python'), `#!/bin/sh\n${noted}\nexec '${testPython}' "$@"\n`, { mode: 0o755 });
    await writeFile(join(root, 'phasebox.yaml'), 'python: ./python\n');
    const files = ['one', 'two'].map((phase) => join(root, `${phase}.json`));
    for (const [index, file] of files.entries()) {
      const config = { phase: `p${index}`, model: 'demo/models/B-base', data: 'demo/data', train: quickTrain };
      await writeFile(file, JSON.stringify({ ...config, eval: { suite: 'demo/suite/demo-27.yaml' } }));
    }
    const { phases } = JSON.parse(await planned(root, files, { json: true }));
    expect(phases.map(({ runs }: { runs: { data_check: object }[] }) => runs[0]?.data_check))
      .to.have.length(2)
      .and.satisfy((checks: { checked: boolean }[]) => checks.every(({ checked }) => checked));
    expect(await readFile(calls, 'utf8')).to.equal('checked\n');
  });
});
