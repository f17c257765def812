import { join } from 'node:path';
import { expect } from 'chai';
import { execa } from 'execa';
import type { Row } from '../../src/events/row.ts';
import { type Chain, makeChain } from '../helpers/chain.ts';
import { testPython } from '../helpers/real-stage.ts';
import { waitFor } from '../helpers/temp.ts';

/* What docs/start.md shows: `cp demo/*.yaml inbox/` while `up` runs; demo/ as it is, the real mlx_lm, nothing prepared. */

describe("the demo's configs, copied into the inbox of a living `up`, with the real mlx_lm", () => {
  let chain: Chain;
  let A: Row;
  let B: Row;

  before(async () => {
    chain = await makeChain({ python: testPython });
    const up = await chain.up();
    await execa('sh', ['-c', 'cp demo/*.yaml inbox/'], { cwd: chain.root });
    const rows = await waitFor(
      'two rows',
      async () => ((await chain.rows()).length === 2 ? chain.rows() : null),
      200_000,
    );
    expect(await up.stop()).to.equal(0);
    const found = ['A-s0', 'B-s0'].map((run) => rows.find((row) => row.run === run));
    if (!found[0] || !found[1]) throw new Error(`rows of ${rows.map(({ run }) => run)}`);
    [A, B] = [found[0], found[1]];
  });
  after(() => chain.remove());

  it('ends with two rows done, A and B different, each better than its base, the scores of the bases next to them', () => {
    expect([A, B].map(({ status, error }) => ({ status, error }))).to.deep.equal(
      [A, B].map(() => ({ status: 'done', error: null })),
    );
    expect(A.custody.model).to.not.equal(B.custody.model);
    for (const { run, overall, base } of [A, B]) {
      expect(base?.overall, run).to.be.within(10, 40);
      expect(overall, run).to.be.greaterThan((base?.overall ?? 100) + 10);
    }
    expect(A.overall).to.not.equal(B.overall);
  });

  it('begins the training of B when the cleanup of A has finished', async () => {
    const [first, second] = await Promise.all([chain.journal('A-s0'), chain.journal('B-s0')]);
    const cleaned = first.find((line) => line.event === 'committed' && line.stage === 'cleanup');
    const trained = second.find((line) => line.event === 'tool_started' && line.stage === 'train');
    if (cleaned === undefined || trained === undefined) throw new Error('no cleanup of A, or no training of B');
    expect(Date.parse(cleaned.at)).to.be.below(Date.parse(trained.at));
  });

  it('gives scores that follow from the kept answers', async () => {
    for (const { run, phase, overall, strict, categories, modes } of [A, B]) {
      const answers = join(chain.root, 'artifacts', phase, run, '6-eval/answers.jsonl');
      const suite = ['--suite', 'demo/suite/demo-27.yaml'];
      const { code, out, err } = await chain.phasebox('score', ...suite, '--answers', answers, '--json');
      expect(code, err).to.equal(0);
      expect(JSON.parse(out), run).to.deep.include({ overall, strict, categories, modes });
    }
  });

  it('names both in the comparison, with the verdicts and outcomes that their criteria give', async () => {
    const page = await chain.read('artifacts/COMPARISON.md');
    for (const { phase, overall, categories, verdict, outcome } of [A, B]) {
      if (overall === null || categories === null) throw new Error(`${phase} has no score`);
      const passed = overall >= 65 && ((categories.domain ?? 0) > 50 || (categories.multi_tool ?? 0) > 50);
      expect(verdict, phase).to.equal(passed ? 'pass' : 'fail');
      expect(outcome, phase).to.equal(overall >= 65 ? 'learned' : overall >= 40 ? 'learned in part' : 'not learned');
      for (const told of [`**${phase}`, overall.toFixed(1), outcome]) expect(page).to.contain(told);
    }
  });
});
