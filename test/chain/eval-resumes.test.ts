import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Answer } from '../../src/events/suite.ts';
import { type Chain, config, makeChain } from '../helpers/chain.ts';

describe('an eval that is interrupted', () => {
  let chain: Chain;
  before(async () => {
    chain = await makeChain();
  });
  after(() => chain.remove());

  it('asks only what is missing: with a new server in the attempt, and in the next attempt', async () => {
    // Three servers die, which an attempt does not survive; the fourth is the next attempt's.
    const scene = { serve: { answers: [1, 1, 0] } };
    await chain.write('inbox/a.yaml', config('a', { scene }));
    expect((await chain.phasebox('up', '--once', '--no-dashboard')).code).to.equal(0);
    const row = await chain.row('a-s0');
    expect(row).to.include({ status: 'done' });
    expect((await chain.calls('serve')).length).to.equal(4);
    const failed = (await chain.journal('a-s0')).filter((line) => line.event === 'failed');
    expect(failed.map(({ code, attempt }) => [code, attempt])).to.eql([['SERVER_DIED', 1]]);
    const lines = (await chain.read('artifacts/a/a-s0/6-eval/answers.jsonl')).trim().split('\n');
    const answers = lines.map((line) => JSON.parse(line) as Answer);
    expect(answers.map(({ prompt, attempt }) => [prompt, attempt])).to.eql([
      ...[
        ['p0', 1],
        ['p1', 1],
        ['p2', 2],
        ['p3', 2],
      ],
    ]);
    const left = join(chain.root, 'artifacts/a/a-s0/.6-eval.a1');
    expect((await readdir(left)).sort(), 'how each server ended can be read').to.eql([
      'server',
      'server.2',
      'server.3',
    ]);
  });
});
