import { cp, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { readSuite } from '../../src/core/config/read-suite.ts';
import { readAnswer } from '../../src/core/score/read-answer.ts';
import type { Run } from '../../src/events/run.ts';
import type { Suite } from '../../src/events/suite.ts';
import { contentHash } from '../../src/io/thread/content-hash.ts';
import { stage as evaluate } from '../../src/workers/stages/eval.ts';
import type { Input } from '../../src/workers/stages/stage.ts';
import { stage as train } from '../../src/workers/stages/train.ts';
import { type ExamOptions, prepareExam } from '../helpers/exam.ts';
import { demoBase, demoRun, runStage } from '../helpers/real-stage.ts';
import { tempDir } from '../helpers/temp.ts';

const none: Run['settings']['fuse'] = { mode: 'none', q_bits: 5, q_group_size: 64 };

async function demoSuite(): Promise<Suite> {
  const path = resolve('demo/suite/demo-27.yaml');
  const read = readSuite(await readFile(path), path);
  if ('suite' in read) return read.suite;
  throw new Error(JSON.stringify(read.problems));
}

const firstPrompts = async (count: number): Promise<Suite> => {
  const suite = await demoSuite();
  return { ...suite, prompts: suite.prompts.slice(0, count) };
};

async function trained(): Promise<Input<'train'>> {
  const train_ = {
    iters: 20,
    batch_size: 2,
    num_layers: 2,
    learning_rate: 1e-4,
    mask_prompt: true,
    max_seq_length: 128,
  };
  const run = await demoRun('A', { train: { ...train_, save_every: 10, steps_per_eval: 100, val_batches: 1 } });
  return runStage(train, {}, { run, dir: join(await tempDir('chain'), '1-train') });
}

/** The same adapter with nothing in it: every weight is zero, as before the first step. */
async function emptied(adapter: string): Promise<string> {
  const folder = join(await tempDir('idle'), 'adapter');
  await cp(adapter, folder, { recursive: true });
  const path = join(folder, 'adapters.safetensors');
  const bytes = await readFile(path);
  const header = 8 + Number(bytes.readBigUInt64LE());
  await writeFile(path, bytes.fill(0, header));
  return folder;
}

describe('eval with the real mlx_lm', () => {
  it('scores 27 prompts on a demo base, the same asked one by one or four at once, and the base next to it', async () => {
    const suite = await demoSuite();
    const made = { fuse: { folder: await demoBase('A'), made: { model: '.' } } };
    const texts: string[][] = [];
    for (const concurrency of [1, 4]) {
      const settings = { base: concurrency === 1, concurrency, stop: ['<|im_end|>'] };
      const at = await prepareExam({ suite, settings, real: true });
      const result = await evaluate.run(made, at.context);
      await evaluate.verify?.(result, at.context);
      const { score, base } = result;
      expect(score.overall).to.be.within(15, 30);
      expect(score.strict).to.be.at.most(score.overall);
      expect(Object.keys(score.categories)).to.have.length(7);
      expect(score.prompts).to.have.length(27);
      expect(at.seen.warnings).to.deep.equal([]);
      if (base !== null) expect(base).to.deep.include({ overall: score.overall, categories: score.categories });
      expect(base === null).to.equal(concurrency > 1);
      const answers = [...(await at.answers())].sort((a, b) => (a.prompt < b.prompt ? -1 : 1));
      texts.push(answers.map((answer) => readAnswer(answer.response, 'execute_code')?.text ?? ''));
    }
    expect(texts[1]).to.deep.equal(texts[0]);
  });

  it('gives a sampled answer again for the same seed', async () => {
    const made = { fuse: { folder: await demoBase('A'), made: { model: '.' } } };
    const textsOf = async (seed: number) => {
      const settings = { temperature: 2, repeats: 2 };
      const at = await prepareExam({ suite: await firstPrompts(3), settings, real: true, run: { seed } });
      await evaluate.run(made, at.context);
      return (await at.answers()).map((answer) => readAnswer(answer.response, 'execute_code')?.text);
    };
    const [first, again, other] = [await textsOf(0), await textsOf(0), await textsOf(1)];
    expect(again).to.deep.equal(first);
    expect(other).to.not.deep.equal(first);
  });

  it('serves base and adapter without fusing, of a checkpoint too, and proves that the adapter acts', async () => {
    const source = await trained();
    const suite = await firstPrompts(4);
    const options: ExamOptions = { suite, real: true, fuse: none };
    const at = await prepareExam(options);
    const result = await evaluate.run({ train: source }, at.context);
    expect(at.served).to.deep.equal(['probe', 'server']);
    expect(Object.keys(at.seen.inputs).sort()).to.deep.equal(['adapter', 'base', 'prompts', 'suite']);
    expect(result.score.prompts).to.have.length(4);

    const withBase = await prepareExam({ ...options, settings: { base: true } });
    const second = await evaluate.run({ train: source }, withBase.context);
    expect(withBase.served).to.deep.equal(['base', 'server']);
    expect(second.score).to.deep.equal(result.score);

    const adapter = join(source.folder, source.made.adapter);
    const early = await prepareExam(options);
    const outside = { adapter, checkpoint: 10, sha256: await contentHash(adapter) };
    await evaluate.run({ outside }, early.context);
    expect(early.seen.inputs.adapter).to.not.equal(at.seen.inputs.adapter);

    const folder = await emptied(adapter);
    const idle = { adapter: folder, checkpoint: null, sha256: await contentHash(folder) };
    const zero = await prepareExam(options);
    const same = await evaluate.run({ outside: idle }, zero.context);
    expect(same.idle_adapter).to.equal(true);
    expect(zero.served, 'nothing to prove').to.deep.equal(['server']);
    expect(zero.seen.warnings.join()).to.contain('the adapter changes nothing');
    expect([result.idle_adapter, at.seen.warnings]).to.deep.equal([false, []]);
  });
});
