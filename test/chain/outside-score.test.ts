import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { stringify } from 'yaml';
import { type Chain, config, makeChain } from '../helpers/chain.ts';
import { waitFor } from '../helpers/temp.ts';

const fixture = (name: string): Promise<Buffer> => readFile(resolve('test/fixtures/bin', name));
const words = { p0: 'read_file', p1: 'lint', p2: '[mode]' };
const scored = {
  suite: 'scored',
  prompts: Object.keys(words).map((id) => ({ id, category: 'git', prompt: `question ${id}` })),
  scorer: { command: ['python3', 'scorer.py', 'words.json'] },
};

/** The first time it waits for ever; started again it asks and scores as engine.py does. */
const slow = [
  'if [ -e waiting ]; then exec python3 engine.py; fi',
  'echo $$ >waiting',
  'while true; do read -r line <never || exit 9; done',
].join('\n');

describe('scores from outside, through the chain', () => {
  let chain: Chain;
  before(async () => {
    chain = await makeChain();
    await chain.write('suites/scored.yaml', stringify(scored));
    await chain.write('suites/words.json', JSON.stringify(words));
    await chain.write('suites/scorer.py', await fixture('scorer.py'));
    await chain.write('engine.py', await fixture('engine.py'));
  });
  after(() => chain.remove());

  it("a suite's scorer decides which checkpoint is used and what the run scores; phasebox score says the same", async () => {
    const evaluation = { suite: 'suites/scored.yaml', base: true };
    const select = { by: 'suite', suite: 'suites/scored.yaml' };
    await chain.write('inbox/a.yaml', config('a', { select, eval: evaluation }));
    const up = await chain.phasebox('up', '--once', '--no-dashboard');
    expect(up.code, up.err + up.out).to.equal(0);
    const row = await chain.row('a-s0');
    expect(row.status).to.equal('done');
    expect(row.strict).to.equal(row.overall);
    expect(row.category_modes?.git).to.deep.equal(row.modes);
    expect(row.selection?.candidates.every(({ overall }) => overall !== null)).to.equal(true);
    expect(row.base?.overall).to.be.a('number');
    const answers = join(chain.root, 'artifacts/a/a-s0/6-eval/answers.jsonl');
    const again = await chain.phasebox('score', '--suite', 'suites/scored.yaml', '--answers', answers, '--json');
    expect(again.code, again.err).to.equal(0);
    const printed = JSON.parse(again.out);
    expect(Object.keys(printed)).to.deep.equal(['overall', 'strict', 'categories', 'modes', 'prompts']);
    expect(printed).to.deep.include({ overall: row.overall, modes: row.modes });
  });

  it('an engine whose phasebox was killed is ended and starts again with a new server', async () => {
    const engine = { command: ['sh', '-c', `mkfifo never 2>/dev/null; exec 3<>never\n${slow}`] };
    const evaluation = { suite: 'four.yaml', base: false, engine };
    await chain.write('four.yaml', (await chain.read('four.yaml')).replace('id: p0', 'id: right'));
    const running = await chain.up();
    await chain.write('inbox/b.yaml', config('b', { eval: evaluation }));
    const pid = Number(await waitFor('the engine', async () => chain.read('waiting').catch(() => null)));
    await running.stop('SIGKILL');
    expect(process.kill(pid, 0), 'it outlives phasebox').to.equal(true);
    const up = await chain.phasebox('up', '--once', '--no-dashboard');
    expect(up.code, up.err + up.out).to.equal(0);
    expect(() => process.kill(pid, 0), 'the first one is gone').to.throw();
    const row = await chain.row('b-s0');
    expect(row).to.deep.include({ status: 'done', overall: 75, categories: { text_tools: 100, reasoning: 50 } });
    expect((await chain.journal('b-s0')).filter(({ event }) => event === 'failed')).to.deep.equal([]);
    const answers = join(chain.root, 'artifacts/b/b-s0/6-eval/answers.jsonl');
    const again = await chain.phasebox('score', '--suite', 'four.yaml', '--answers', answers);
    expect(again.code).to.equal(2);
    expect(again.err).to.contain('holds what eval.engine wrote: scores and no answers.');
  });
});
