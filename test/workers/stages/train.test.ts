import { appendFile, copyFile, cp, mkdir, readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse } from 'yaml';
import { contentHash } from '../../../src/io/thread/content-hash.ts';
import { stage as train } from '../../../src/workers/stages/train.ts';
import {
  demoBase,
  demoData,
  demoRun,
  quickTrain,
  realContext,
  runStage,
  stageErrorOf,
  testPython,
} from '../../helpers/real-stage.ts';
import { tempDir } from '../../helpers/temp.ts';
import { Training, Trainings } from '../../helpers/trainings.ts';
import { iterationOf } from '../../helpers/watched.ts';

describe('workers/train with the real mlx_lm', () => {
  it('trains: checkpoints, losses, profile, progress, what it read', async () => {
    const run = demoRun('A', { min_rows: { train: 100 } });
    const { made, seen, folder } = await runStage(train, {}, { run, dir: await tempDir('train') });
    expect(made.checkpoints).to.deep.equal([
      { iteration: 4, file: 'adapter/0000004_adapters.safetensors' },
      { iteration: 8, file: 'adapter/0000008_adapters.safetensors' },
      { iteration: 10, file: 'adapter/adapters.safetensors' },
    ]);
    expect(made).to.include({ adapter: 'adapter', iterations: 10, warm_restart: false });
    expect(made.train_loss).to.be.within(0.1, 3);
    expect(made.val_loss).to.be.within(0.1, 3);
    expect(made.profile?.rows.train).to.be.greaterThan(100);
    expect(seen.progress.at(-1)).to.include({ iteration: 10, of: 10, loss: made.train_loss });
    expect(seen.inputs).to.deep.equal({
      data: await contentHash(demoData),
      base: await contentHash(demoBase('A')),
    });
    expect(seen.lines.join('\n')).to.not.contain('%|');
    expect((await readdir(folder)).filter((name) => !name.startsWith('.'))).to.include.members([
      'adapter',
      'train.yaml',
      'check',
    ]);

    const weights = join(folder, 'adapter/adapters.safetensors');
    const { context } = realContext(run, folder);
    await writeFile(join(folder, 'pause'), '');
    await train.verify?.(made, context);
    expect(await readdir(folder), 'asked for after the last iteration').to.not.include('pause');
    await copyFile(join(folder, 'adapter/0000004_adapters.safetensors'), weights);
    const whole = { ...made, iterations: 8, checkpoints: made.checkpoints.slice(0, 2) };
    const swapped = await stageErrorOf(Promise.resolve(train.verify?.(whole, context)));
    expect(swapped.message).to.contain('adapters.safetensors does not have the weights of adapter/0000008');
    const gone = await stageErrorOf(
      Promise.resolve(train.verify?.({ ...made, checkpoints: made.checkpoints.slice(1) }, context)),
    );
    expect(gone.message).to.contain('0000004_adapters.safetensors: does not exist');
    await truncate(weights, 5000);
    expect((await stageErrorOf(Promise.resolve(train.verify?.(made, context)))).code).to.equal('OUTPUT_DAMAGED');
  });

  it('resumes from the states that it finds in its folder, to the same bytes as without the interruption', async () => {
    const run = demoRun('B');
    const whole = await runStage(train, {}, { run, dir: await tempDir('train') });
    const trainings = new Trainings(testPython);
    const settings = parse(await readFile(join(whole.folder, 'train.yaml'), 'utf8'), { version: '1.1' });
    const killed = await Training.make(trainings, settings);
    expect(await killed.killAt(iterationOf(7))).to.equal(-9);
    await trainings.end();
    const dir = await tempDir('train');
    for (const name of ['states', 'adapter', 'progress.jsonl'])
      await cp(join(killed.folder, name), join(dir, name), { recursive: true });
    const { made, seen } = await runStage(train, {}, { run, dir });
    expect([made.training?.resumed, seen.resumed]).to.eql([[4], [4]]);
    expect(await contentHash(join(dir, 'adapter'))).to.equal(await contentHash(join(whole.folder, 'adapter')));
    expect([made.train_loss, made.val_loss]).to.eql([whole.made.train_loss, whole.made.val_loss]);
    expect(seen.progress.at(-1)).to.include({ iteration: 10, of: 10 });
    expect(await readdir(dir)).to.not.include('states');
  });

  it('stops early: the last checkpoint is that of the stop, and what another process saved after it is gone', async () => {
    const stop = { val_loss: { patience: 1, min_delta: 100 } };
    const run = demoRun('B', { train: { ...quickTrain, stop } });
    const dir = await tempDir('train');
    await mkdir(join(dir, 'adapter'));
    await writeFile(join(dir, 'adapter/0000008_adapters.safetensors'), 'of a process that was killed');
    const { made, seen } = await runStage(train, {}, { run, dir });
    expect(made.checkpoints).to.deep.equal([
      { iteration: 4, file: 'adapter/0000004_adapters.safetensors' },
      { iteration: 5, file: 'adapter/adapters.safetensors' },
    ]);
    expect(made).to.include({ iterations: 5 });
    expect(made.training?.stopped).to.include({ iteration: 5, reason: 'val_loss' });
    expect(made.training?.stopped?.why).to.match(/1 validations? in a row brought no improvement/);
    expect(made.training?.trainable?.parameters).to.be.greaterThan(100);
    expect(made.training?.peak_bytes).to.be.greaterThan(0).and.lessThan(4e9);
    expect(await readdir(join(dir, 'adapter'))).to.not.include('0000008_adapters.safetensors');
    expect(await readdir(dir)).to.not.include('states');
    expect(seen.lines.join()).to.contain('the training stops early at iteration 5');
  });

  it('names the last checkpoint, not a second copy, when training ends on one', async () => {
    const train_defaults = { optimizer: 'sgd', num_layers: 16 };
    const run = demoRun('B', { train: { ...quickTrain, iters: 4, save_every: 2 }, train_defaults });
    const { made, seen } = await runStage(train, {}, { run, dir: await tempDir('train') });
    expect(made.checkpoints.map(({ file }) => file)).to.deep.equal([
      'adapter/0000002_adapters.safetensors',
      'adapter/0000004_adapters.safetensors',
    ]);
    expect(seen.warnings.join()).to.contain('trained with optimizer adam instead of sgd.');
  });

  it('stops at the first loss that is not a number, with the tool ended', async () => {
    const plain = demoRun('B', { train: { ...quickTrain, learning_rate: 1e30, iters: 20 } });
    const data = await tempDir('data');
    await cp(plain.data!.folder, data, { recursive: true });
    const messages = [
      { role: 'user', content: 'word '.repeat(2000) },
      { role: 'assistant', content: 'ok' },
    ];
    // Two of the same length are one batch, of which nothing is left to train on.
    await appendFile(join(data, 'train.jsonl'), `${JSON.stringify({ messages })}\n`.repeat(2));
    const run = { ...plain, data: { source: data, folder: data } };
    const error = await stageErrorOf(runStage(train, {}, { run, dir: await tempDir('train') }));
    expect(error.code).to.equal('NAN_LOSS');
    expect(error.message).to.match(/(train|val) loss is (NaN|Infinity) at iteration \d+/);
    expect(error.message, 'with what may be its cause').to.match(
      /\. Before the training, the data check warned: train\.jsonl, lines 301, 302: in these batches no token of an answer/,
    );
  });

  it('tells all reasons not to train on the data, before any training', async () => {
    const data = await tempDir('data');
    await writeFile(join(data, 'train.jsonl'), '{"messages": [{"role": "user", "content": "a"}]\n');
    const run = { ...demoRun('B'), data: { source: data, folder: data }, min_rows: { train: 1000 } };
    const dir = await tempDir('train');
    const error = await stageErrorOf(runStage(train, {}, { run, dir }));
    expect(error.code).to.equal('BAD_DATA');
    expect(error.message).to.contain('train.jsonl').and.contain('valid.jsonl');
    expect(await readdir(dir)).to.not.include('adapter');
  });

  it('runs the preflight commands first; a failing one ends it', async () => {
    const run = {
      ...demoRun('B'),
      preflight: [
        ['sh', '-c', 'echo fine'],
        ['sh', '-c', 'echo battery is low; exit 3'],
      ],
    };
    const dir = await tempDir('train');
    const error = await stageErrorOf(runStage(train, {}, { run, dir }));
    expect(error.code).to.equal('PREFLIGHT_FAILED');
    expect(error.message).to.contain('battery is low').and.contain('exit code 3');
    const left = (await readdir(dir)).sort();
    expect(left).to.include.members(['preflight-1', 'preflight-2']).and.not.include('check');
  });

  it('says BAD_SETTINGS in the words of mlx_lm', async () => {
    const run = demoRun('B', { train: { ...quickTrain, num_layers: 50 } });
    const error = await stageErrorOf(runStage(train, {}, { run, dir: await tempDir('train') }));
    expect(error).to.deep.include({ code: 'BAD_SETTINGS' });
    expect(error.message).to.contain('Requested to train 50 layers');
  });

  it('marks a warm start and pins the weights it began with', async () => {
    const first = await runStage(train, {}, { run: demoRun('B'), dir: await tempDir('train') });
    const file = join(first.folder, 'adapter/adapters.safetensors');
    const settings = { ...quickTrain, iters: 2, resume_adapter_file: file };
    const dir = join(await tempDir('train'), 'with a space');
    await mkdir(dir);
    const again = await runStage(train, {}, { run: demoRun('B', { train: settings }), dir });
    expect(again.made.warm_restart).to.equal(true);
    expect(again.seen.inputs.resume_adapter_file).to.equal(await contentHash(file));
  });
});
