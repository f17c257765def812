import { expect } from 'chai';
import { type Chain, makeChain } from '../helpers/chain.ts';
import { copyOlderWorkspace } from '../helpers/older-workspace.ts';

let chain: Chain;

/** As 0.1.0 listed them. */
const states = {
  'one-s0': 'done',
  'one-s0-q4': 'done',
  'one-s0-raw': 'done',
  'one-s1': 'done',
  'one-s1-q4': 'done',
  'one-s1-raw': 'done',
  'two-s0': 'done',
  'three-s0': 'done',
  'four-s7': 'failed',
  'five-s0': 'cancelled',
};

const json = async (...args: readonly string[]) => {
  const { code, out, err } = await chain.phasebox(...args, '--json');
  expect(code, err).to.equal(0);
  return JSON.parse(out);
};

describe('a workspace that 0.1.0 wrote', () => {
  beforeEach(async () => {
    chain = await makeChain();
    await copyOlderWorkspace(chain.root);
  });
  afterEach(() => chain.remove());

  it('is listed, compared and reported with the figures of 0.1.0', async () => {
    const { runs } = await json('status');
    const listed = runs.map(({ run, state }: { run: string; state: string }) => [run, state]);
    expect(Object.fromEntries(listed)).to.eql(states);
    const { a, b } = await json('compare', 'one', 'two');
    expect(a).to.deep.include({ mean: 52.6543209876543, sd: 0.6110799343587537, outcome: 'not learned' });
    expect(a.gate).to.include({ verdict: 'pass', settled: false, passing: 2, of: 2 });
    expect(b).to.deep.include({ mean: 53.08641975308641, sd: null });
    const diff = await chain.phasebox('diff', 'one-s0', 'one-s0-q4');
    expect([diff.code, diff.out]).to.satisfy(([code, out]: [number, string]) => code === 0 && /q_bits/.test(out));
    const report = await chain.phasebox('report', '--print');
    expect(report.code, report.err).to.equal(0);
    for (const run of Object.keys(states)) expect(report.out).to.contain(run);
    expect(await chain.read('artifacts/one/answers.md')).to.contain('text_tools-read_file');
  });

  it('knows its phases: the same content is the same runs, a seed more is a new one', async () => {
    const accepted = await chain.read('inbox/accepted/one.yaml');
    const same = await chain.phasebox('submit', await chain.write('same.yaml', accepted));
    expect(same.code, same.err).to.equal(0);
    expect(same.out).to.contain('Already known: one-s0 (done)');
    const more = await chain.write('more.yaml', accepted.replace('seeds: [0, 1]', 'seeds: [0, 1, 2]'));
    const { code, out, err } = await chain.phasebox('submit', more);
    expect(code, err).to.equal(0);
    expect(out).to.match(/3 new runs \(one-s2, one-s2-q4, one-s2-raw\)/);
  });

  it('continues: a failed run that is retried gets a new row in its old place', async () => {
    const before = await chain.rows();
    const { code, err } = await chain.phasebox('retry', 'four-s7');
    expect(code, err).to.equal(0);
    expect((await chain.phasebox('up', '--once', '--no-dashboard')).code).to.equal(1);
    const after = await chain.rows();
    expect(after.map(({ run, status }) => [run, status])).to.eql(Object.entries(states));
    const index = after.findIndex(({ run }) => run === 'four-s7');
    expect(after[index]?.error).to.include({ code: 'PREFLIGHT_FAILED', attempt: 2 });
    expect(after.filter((_, at) => at !== index)).to.eql(before.filter((_, at) => at !== index));
  });
});
