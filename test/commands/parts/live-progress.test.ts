import { mkdir, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { liveProgress } from '../../../src/commands/parts/live-progress.ts';
import { answerText } from '../../../src/core/score/answers.ts';
import { said } from '../../helpers/answers.ts';
import { smallSuite } from '../../helpers/config-workspace.ts';
import { makeRun } from '../../helpers/rows.ts';
import { tempDir } from '../../helpers/temp.ts';

/** The folder of an eval's attempt, and a run of it with `repeats` answers to each of two prompts. */
async function attempt(repeats: number) {
  const artifacts = await tempDir('artifacts');
  const dir = join(artifacts, '43a/43a-s0/.6-eval.a1');
  const write = async (path: string, text: string): Promise<void> => {
    await mkdir(dirname(join(artifacts, path)), { recursive: true });
    await writeFile(join(artifacts, path), text);
  };
  await write('suite.yaml', smallSuite);
  const { settings } = makeRun();
  const run = makeRun({
    settings: { ...settings, eval: { ...settings.eval, suite: join(artifacts, 'suite.yaml'), repeats } },
  });
  return { artifacts, write, progress: () => liveProgress(dir, run, 'eval') };
}

const answers = (count: number): string => answerText({ ...said('x'), seconds: 3 }).repeat(count);

describe('the progress of an eval, from its files', () => {
  it('is that of the base, of the answers, of the cost, each with the time until the end of all', async () => {
    const { artifacts, write, progress } = await attempt(5);
    const own = '43a/43a-s0/.6-eval.a1';
    expect(await progress()).to.equal(null);
    await write(`${own}/base/command.json`, '{}');
    await write('base/.old/answers.jsonl', answers(1));
    await utimes(join(artifacts, 'base/.old/answers.jsonl'), 0, 0);
    await write('base/done/answers.jsonl', answers(9));
    await write('base/.new/answers.jsonl', answers(4));
    // 6 answers of the base, 10 of the run's own model, and a third of these for the cost
    expect(await progress()).to.deep.equal({ doing: 'base', iteration: 4, of: 10, loss: null, eta_s: 58 });
    await write(`${own}/server/command.json`, '{}');
    await write(`${own}/answers.jsonl`, `${answers(8)}{"torn`);
    expect(await progress()).to.deep.equal({ doing: 'answers', iteration: 8, of: 10, loss: null, eta_s: 16 });
    await write(`${own}/cost/command.json`, '{}');
    expect(await progress()).to.deep.include({ doing: 'cost', iteration: 0, of: 100 });
    await write(`${own}/cost/log.txt`, 'weights: {}\ndone 0 %\ndone 40 %\nbase: loss 1\n');
    expect(await progress()).to.deep.include({ doing: 'cost', iteration: 40, of: 100 });
  });
});
