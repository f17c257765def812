import { execFile } from 'node:child_process';
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { testPython } from '../helpers/real-stage.ts';
import { tempDir } from '../helpers/temp.ts';
import { type Settings, shortTraining, smallData, Training, Trainings } from '../helpers/trainings.ts';
import { iterationOf } from '../helpers/watched.ts';

const repository = resolve(import.meta.dirname, '../..');
const run = promisify(execFile);

const python = join(repository, 'python');

/** What a state says that a newer phasebox wrote. */
async function newerFormat(): Promise<string> {
  const script =
    'import sys; sys.path.insert(0, sys.argv[1]); import mlx.core as mx, train_state as states\n' +
    'states.FORMAT = 2; state, _ = states.write(sys.argv[2], 5, {"one": mx.array(1)}, {}); states.FORMAT = 1\n' +
    'try: state.info()\nexcept states.Refused as error: print(error)';
  return (await run(testPython, ['-c', script, python, await tempDir('newer')])).stdout;
}

/** A folder with an mlx_lm that trains as the installed one does, but names a parameter in another way. */
async function oddMlxLm(): Promise<string> {
  const script = 'import importlib.util as util; print(util.find_spec("mlx_lm").submodule_search_locations[0])';
  const folder = await tempDir('odd');
  await cp((await run(testPython, ['-c', script])).stdout.trim(), join(folder, 'mlx_lm'), { recursive: true });
  const trainer = join(folder, 'mlx_lm/tuner/trainer.py');
  await writeFile(trainer, (await readFile(trainer, 'utf8')).replaceAll('iterate_batches', 'make_batches'));
  return folder;
}

const adapterOf = async (training: Training): Promise<string | undefined> =>
  (await training.adapter())['adapters.safetensors'];

describe('python/train.py, with the real mlx_lm', () => {
  let trainings: Trainings;
  let settings: Settings;
  /** Not interrupted: without the driver, and with it. */
  let whole: Training;
  let driven: Training;

  before(async () => {
    trainings = new Trainings(testPython);
    settings = { ...shortTraining, data: await smallData() };
    whole = await Training.make(trainings, settings);
    const { code, log } = await whole.plain();
    expect(code, log).to.equal(0);
    driven = await Training.make(trainings, settings);
  });
  after(() => trainings.end());

  /** A training that was killed at iteration 15 of 24, where the states of iterations 8 and 12 are on the disk. */
  let killed: Training;
  const copyOfKilled = async (over: Settings = {}): Promise<Training> => {
    const training = await Training.make(trainings, { ...settings, ...over });
    await cp(killed.states, training.states, { recursive: true });
    return training;
  };

  it('the adapter and each checkpoint have the bytes of plain `mlx_lm lora`, and the events say what happened', async () => {
    const { code, log } = await driven.driver();
    expect(code, log).to.equal(0);
    expect(await driven.adapter()).to.deep.equal(await whole.adapter());
    expect(log).to.match(
      /phasebox: its own code in the training took \d+\.\d+ s of \d+\.\d+ s \(\d+\.\d+ %\): .*heartbeats \d/,
    );

    const reports = await driven.events('report');
    expect(reports.map(({ iteration }) => iteration)).to.deep.equal([4, 8, 12, 16, 20, 24]);
    const validations = await driven.events('validation');
    expect(validations.map(({ iteration }) => iteration)).to.deep.equal([1, 6, 12, 18, 24]);
    const keys = ['train_loss', 'learning_rate', 'tokens_per_second', 'iterations_per_second', 'trained_tokens'];
    expect(reports[0]).to.include.all.keys(...keys, 'peak_memory_gb', 'seconds', 'iteration', 'time');
    const [trainable] = await driven.events('trainable');
    expect(trainable).to.include({ parameters: 16416 });
    expect(trainable?.share).to.be.greaterThan(0).and.lessThan(1);
    const phases = new Set((await driven.events('beat')).map(({ phase }) => phase));
    expect([...phases]).to.deep.equal(['loading', 'data', 'training', 'validation']);
    expect((await driven.events('beat')).filter(({ phase }) => phase === 'validation')).to.have.length(5 * 2);
  });

  it('killed at iteration 15, it resumes after iteration 12: the same bytes, and no earlier iteration again', async () => {
    killed = await Training.make(trainings, settings);
    await killed.killAt(iterationOf(15));
    expect(await killed.saved()).to.deep.equal([8, 12]);
    const training = await copyOfKilled();
    const { code, log } = await training.resume();
    expect(code, log).to.equal(0);
    expect((await training.begun())[0]).to.equal(13);
    const { 'adapters.safetensors': adapter, ...checkpoints } = await whole.adapter();
    const later = Object.entries(checkpoints).filter(([name]) => Number(name.slice(0, 7)) > 12);
    expect(await training.adapter()).to.deep.equal({ 'adapters.safetensors': adapter, ...Object.fromEntries(later) });
    expect((await training.events('report')).map(({ iteration }) => iteration)).to.deep.equal([16, 20, 24]);
    const tokens = async (one: Training) => (await one.events('report')).at(-1)?.trained_tokens;
    expect(await tokens(training)).to.equal(await tokens(driven));
    expect(await training.saved()).to.deep.equal([16, 20]);
  });

  it('a state that is cut or changed at any byte is not whole', async () => {
    const folder = await tempDir('state');
    const [name = ''] = (await readdir(killed.states)).sort().reverse();
    const bytes = await readFile(join(killed.states, name));
    const cuts = [0, 1, 7, 8, 9, 100, 5000, bytes.length / 2, bytes.length - 1].map(Math.floor);
    const changed = Buffer.from(bytes);
    changed.writeUInt8(changed.readUInt8(bytes.length - 3) ^ 1, bytes.length - 3);
    const cases = [...cuts.map((length) => bytes.subarray(0, length)), Buffer.concat([bytes, Buffer.of(0)]), changed];
    for (const [index, content] of [bytes, ...cases].entries()) {
      await mkdir(join(folder, String(index)));
      await writeFile(join(folder, String(index), name), content);
    }
    const script =
      'import sys; sys.path.insert(0, sys.argv[1]); import train_state\n' +
      'for folder in sys.argv[2:]: print([state.is_whole() for state in train_state.listed(folder)])';
    const folders = [bytes, ...cases].map((_, index) => join(folder, String(index)));
    const { stdout } = await run(testPython, ['-c', script, python, ...folders]);
    expect(stdout.trim().split('\n')).to.deep.equal(['[True]', ...cases.map(() => '[False]')]);
  });

  it('if the newest state is cut, the one before it is used', async () => {
    const training = await copyOfKilled();
    const [name = ''] = (await readdir(training.states)).sort().reverse();
    const bytes = await readFile(join(training.states, name));
    await writeFile(join(training.states, name), bytes.subarray(0, bytes.length - 1));
    const { code, log } = await training.resume();
    expect(code, log).to.equal(0);
    expect((await training.events('damaged_state')).map(({ iteration }) => iteration)).to.deep.equal([12]);
    expect((await training.events('resumed')).map(({ iteration }) => iteration)).to.deep.equal([8]);
    expect(await adapterOf(training)).to.equal(await adapterOf(whole));
  });

  it('a state of other settings or of a newer format is refused, and says why', async () => {
    const training = await copyOfKilled({ learning_rate: 1e-4 });
    const { code, log } = await training.resume();
    expect(code).to.equal(12);
    expect(log).to.match(/state-0000012-\S+ is not used: it belongs to another training, which differs in the setting/);
    expect(log).to.include('the setting learning_rate (0.0002 in the state, 0.0001 now)');
    expect(await training.saved()).to.deep.equal([8, 12]);
    expect(await training.events('refused')).to.have.length(1);
    expect(await newerFormat()).to.include('has format version 2, and this phasebox reads version 1 only');
  });

  it('paused through a file, it saves and ends with 10; later it continues exactly', async () => {
    const training = await Training.make(trainings, settings);
    const { code, log } = await training.pauseAt(iterationOf(9));
    expect(code, log).to.equal(10);
    const [paused] = await training.events('paused');
    expect(paused?.iteration).to.equal(10);
    expect(await training.saved()).to.deep.equal([8, 10]);
    const resumed = await training.resume();
    expect(resumed.code, resumed.log).to.equal(0);
    expect(await training.adapter()).to.deep.equal(await whole.adapter());
  });

  it('stops early when the validation loss no longer falls, at the same iteration after a kill', async () => {
    const stop = ['--stop', '{"val_loss": {"patience": 2, "min_delta": 10}}'];
    const training = await Training.make(trainings, settings);
    await training.killAt(iterationOf(10), stop);
    const { code, log } = await training.resume(...stop);
    expect(code, log).to.equal(0);
    const [stopped] = await training.events('stopped');
    expect(stopped).to.include({ iteration: 12, reason: 'val_loss' });
    expect(log).to.include('the training stops early at iteration 12: 2 validations in a row brought no improvement');
    const { '0000012_adapters.safetensors': twelfth } = await whole.adapter();
    expect(await adapterOf(training)).to.equal(twelfth);
  });

  it('ends with 11 when the peak memory is above the limit, and names three remedies', async () => {
    const training = await Training.make(trainings, settings);
    const { code, log } = await training.driver('--memory-limit', '1000000');
    expect(code, log).to.equal(11);
    expect(log).to.match(/out of memory: the peak is 0\.\d\d GB at iteration 1, and the limit is 0\.00 GB/);
    expect(log).to.include('batch_size (now 2)').and.include('max_seq_length (now 64)').and.include('grad_checkpoint');
    expect(await training.events('memory')).to.have.length(1);
  });

  it('runs plain `mlx_lm lora` with a warning if a hook does not fit', async () => {
    const training = await Training.make(trainings, { ...settings, iters: 2 });
    const odd = await oddMlxLm();
    const { code, log } = await training.withPath(odd);
    expect(code, log).to.equal(0);
    expect(log).to.include(
      'does not fit this version of mlx_lm: mlx_lm.tuner.trainer has no function `iterate_batches`',
    );
    expect(await training.events('fallback')).to.have.length(1);
    expect(Object.keys(await training.adapter())).to.deep.equal(['adapters.safetensors']);
  });

  it('refuses wrong options, and a folder with states that it was not asked to resume from', async () => {
    const training = await copyOfKilled();
    const states = await training.driver('--state-dir', training.states);
    expect(states.code).to.equal(2);
    expect(states.log).to.include('there are states in').and.include('resume from them with --resume');
    const stop = await training.driver('--stop', '{"val_loss": {"patience": 0}}');
    expect(stop.code).to.equal(2);
    expect(stop.log).to.include('val_loss.patience must be a whole number of at least 1');
  });
});
