import { expect } from 'chai';
import type { Row } from '../../src/events/row.ts';
import { commandLine } from '../../src/io/host/process-facts.ts';
import { type Call, type Chain, config, makeChain, startTogether } from '../helpers/chain.ts';
import { waitFor } from '../helpers/temp.ts';

let chain: Chain;

/** When each tool of these runs worked, ms since the epoch. */
async function spans(tool: string): Promise<{ run: string | null; from: number; to: number }[]> {
  const [starts, ends] = [await chain.calls(tool), await chain.calls(tool, 'end')];
  const end = (start: Call) => ends.find(({ pid, run }) => pid === start.pid && run === start.run);
  return starts.map((start) => ({ run: start.run, from: start.at, to: end(start)?.at ?? Number.NaN }));
}

const at = async (run: string, event: string): Promise<number> =>
  Date.parse((await chain.journal(run)).find((line) => line.event === event)?.at ?? 'never');

describe('settings of a phase, and what is reported of its rows', () => {
  let rows: readonly Row[] = [];

  before(async () => {
    const script = 'printf "%s\\n" "$PHASEBOX_ROW" >>notified.jsonl; echo no notifier; exit 7';
    chain = await makeChain({ notify: ['sh', '-c', script] });
    const env = { HELLO: 'two words; $HOME', TELL: 'HELLO,PYTHONUNBUFFERED,HF_HUB_OFFLINE,STAND_IN_FOLDER' };
    await chain.write('inbox/p.yaml', config('p', { env, seeds: [0, 0, 1], cooldown_s: 0.7 }));
    await chain.write('inbox/q.yaml', config('q', { env: { TELL: 'HELLO' } }));
    expect(await chain.phasebox('up', '--once', '--no-dashboard')).to.include({ code: 0 });
    rows = await chain.rows();
  });
  after(() => chain.remove());

  it('seeds: a seed that is given twice is run twice, and teaches the same', async () => {
    expect(rows.map(({ run, seed }) => [run, seed])).to.eql([
      ['p-s0', 0],
      ['p-s0.2', 0],
      ['p-s1', 1],
      ['q-s0', 0],
    ]);
    const [first, second, other] = rows.map(({ custody }) => custody.model);
    expect([second === first, other === first]).to.eql([true, false]);
    const seeds = rows.map(async ({ phase, run }) => {
      const text = await chain.read(`artifacts/${phase}/${run}/1-train/train.yaml`);
      return /^seed: (\d+)$/m.exec(text)?.[1];
    });
    expect(await Promise.all(seeds)).to.eql(['0', '0', '1', '0']);
  });

  it('cooldown_s: the next run is not started before', async () => {
    const runs = rows.map(({ run }) => run);
    for (const [index, run] of runs.slice(1).entries())
      expect((await at(run, 'started')) - (await at(runs[index]!, 'row')), run).to.be.at.least(700);
  });

  it('env reaches the tools next to what phasebox sets, and only those of its phase', async () => {
    for (const { run, tool, env: told } of (await chain.calls()).filter(({ run }) => run !== null)) {
      if (run === 'q-s0') expect(told, tool).to.eql({ HELLO: null });
      else
        expect(told, tool).to.eql({
          ...{ HELLO: 'two words; $HOME', PYTHONUNBUFFERED: '1', HF_HUB_OFFLINE: '1', STAND_IN_FOLDER: chain.root },
        });
    }
  });

  it('notify: the command gets each row, and its failure changes nothing', async () => {
    const told = (await chain.read('notified.jsonl')).trim().split('\n');
    expect(told.map((line): Row => JSON.parse(line))).to.eql(rows);
    expect(await chain.read('.phasebox/log/phasebox.log')).to.match(/notify failed: it ended with exit code 7/);
  });
});

describe('settings of the workspace', () => {
  afterEach(() => chain.remove());

  it('notify: a command that hangs holds up neither the next rows nor the end of `up`', async () => {
    chain = await makeChain({ notify: ['sh', '-c', 'sleep 600 & echo $! >>asked; wait'] });
    const up = await chain.up();
    await chain.write('inbox/p.yaml', config('p', { seeds: [0, 1, 2] }));
    expect(await chain.row('p-s2')).to.include({ status: 'done' });
    await waitFor('the page', async () => /p-s2/.test(await chain.read('artifacts/COMPARISON.md').catch(() => '')));
    const asked = await waitFor('the commands', async () => {
      const pids = (await chain.read('asked')).trim().split('\n');
      return pids.length === 3 ? pids.map(Number) : null;
    });
    expect(await up.stop()).to.equal(0);
    for (const pid of asked) expect(await commandLine(pid), 'ended with all that it started').to.equal(null);
  });

  it('two runs that a version with in_flight: 2 had started both continue, one model at a time; the third waits', async () => {
    chain = await makeChain();
    for (const name of ['one', 'two', 'three'])
      await chain.write(`inbox/${name}.yaml`, config(name, { scene: { fuse_direct: { hold: 'fuse' } } }));
    await chain.phasebox('pause');
    expect(await chain.phasebox('up', '--once', '--no-dashboard'), 'runs are left').to.include({ code: 3 });
    await startTogether(chain, 'one', 'two');
    await chain.phasebox('resume');
    const up = await chain.up();
    await waitFor('a fuse', async () => (await chain.calls('fuse_direct')).length === 1);
    await up.says(/(?:one|two)-s0: \w+ waits for the machine: fuse of (?:one|two)-s0/);
    const { runs } = JSON.parse((await chain.phasebox('status', '--json')).out);
    const stateOf = (name: string) => runs.find(({ run }: Record<string, string>) => run === `${name}-s0`).state;
    expect(['one', 'two', 'three'].map(stateOf)).to.eql(['running', 'running', 'waiting']);
    await chain.release('fuse');
    for (const run of ['one-s0', 'two-s0', 'three-s0']) expect(await chain.row(run)).to.include({ status: 'done' });
    expect(await up.stop()).to.equal(0);
    for (const run of ['one-s0', 'two-s0']) expect(await at(run, 'row')).to.be.at.most(await at('three-s0', 'started'));
    const worked = (await Promise.all(['lora', 'fuse_direct'].map(spans))).flat().sort((a, b) => a.from - b.from);
    expect(worked.length).to.equal(6);
    for (const [index, { to }] of worked.slice(0, -1).entries()) expect(to).to.be.at.most(worked[index + 1]!.from);
  });
});
