import { expect } from 'chai';
import { commandLine } from '../../src/io/host/process-facts.ts';
import { type Chain, config, makeChain } from '../helpers/chain.ts';
import { events, fine, status } from '../helpers/control.ts';
import { processesOf } from '../helpers/processes.ts';
import { waitFor } from '../helpers/temp.ts';

const error = {
  ...{ cause: 'bad_rows', kind: 'BAD_DATA', message: 'train.jsonl, line 9: not JSON' },
  remedy: 'Correct or remove these rows.',
};
const why = 'train.jsonl, line 9: not JSON. Correct or remove these rows.';

describe('rehearsals', () => {
  let chain: Chain;

  before(async () => {
    chain = await makeChain({ rehearsal: 'always' });
  });
  after(() => chain.remove());

  it('come before the first training, one for each recipe; a run that would fail is held, the others run', async () => {
    await chain.write('p.yaml', config('p', { seeds: 2 }));
    await chain.write('q.yaml', config('q', { scene: { rehearse: { error } } }));
    await fine(chain, 'submit', 'q.yaml', 'p.yaml');
    const once = await chain.phasebox('up', '--once', '--no-dashboard');
    expect([once.code, once.err]).to.eql([1, `1 run left that cannot start:\n  q-s0: held. ${why}\n`]);
    expect(once.out).to.match(/p-s0 and p-s1: rehearsed: fits \(1\.0 GB of \d+ GB\), 2\.5 s per iteration/);
    expect(once.out).to.include(`q-s0: held: ${why}`);
    const tools = (await chain.calls()).map(({ tool }) => tool);
    expect(tools.filter((tool) => tool === 'rehearse')).to.have.length(2);
    expect(tools.indexOf('lora')).to.be.greaterThan(tools.lastIndexOf('rehearse'));
    expect((await chain.calls('lora')).map(({ run }) => run)).to.eql(['p-s0', 'p-s1']);
    expect((await status(chain)).of('q-s0')).to.include({ state: 'held', why });
    const page = await waitFor('the page', async () => {
      const text = await chain.read('artifacts/COMPARISON.md');
      return text.includes('## Rehearsals') ? text : null;
    });
    expect(page).to.include('- q-s0: **held**. train.jsonl, line 9: not JSON.');
    expect(JSON.parse(await fine(chain, 'plan', '--json', 'p.yaml')).phases[0].runs[0].rehearsed).to.include({
      verdict: 'fits',
      seconds_per_iteration: 2.5,
    });
  });

  it('are not repeated by a restart, and are by a retry', async () => {
    expect(await chain.phasebox('up', '--once', '--no-dashboard')).to.include({ code: 1 });
    expect(await chain.calls('rehearse')).to.have.length(2);
    await chain.release('fixed');
    await fine(chain, 'retry', 'q');
    expect(await chain.phasebox('up', '--once', '--no-dashboard')).to.include({ code: 0 });
    expect(await chain.calls('rehearse')).to.have.length(3);
    expect((await chain.row('q-s0')).status).to.equal('done');
    expect((await events(chain, 'q-s0')).slice(1, 5)).to.eql(['rehearsed', 'retried', 'rehearsed', 'started']);
  });

  it('only warn if they fail for an unknown cause; a held phase is replaced by a corrected file of its name', async () => {
    const scene = { rehearse: { error: { ...error, cause: 'unknown', kind: 'TOOL_FAILED' }, until: 'never' } };
    await chain.write('u.yaml', config('u', { scene }));
    await chain.write('v.yaml', config('v', { memory_gb: 9, scene: { rehearse: { error, until: 'never' } } }));
    await fine(chain, 'submit', 'u.yaml', 'v.yaml');
    expect(await chain.phasebox('up', '--once', '--no-dashboard')).to.include({ code: 1 });
    await chain.write('v.yaml', config('v'));
    await fine(chain, 'submit', 'v.yaml');
    expect(await chain.phasebox('up', '--once', '--no-dashboard')).to.include({ code: 0 });
    expect((await chain.row('v-s0')).status).to.equal('done');
    const row = await chain.row('u-s0');
    expect(row.status).to.equal('done');
    expect(row.warnings.join('\n')).to.include('the rehearsal itself failed, so nothing is known of the training');
  });

  it('are repeated for a held run if the memory limit of the workspace has changed', async () => {
    await chain.write('w.yaml', config('w', { scene: { rehearse: { error, until: 'larger' } } }));
    await fine(chain, 'submit', 'w.yaml');
    expect(await chain.phasebox('up', '--once', '--no-dashboard')).to.include({ code: 1 });
    await chain.release('larger');
    await chain.write(
      'phasebox.yaml',
      JSON.stringify({ ...JSON.parse(await chain.read('phasebox.yaml')), memory_gb: 9 }),
    );
    expect(await chain.phasebox('up', '--once', '--no-dashboard')).to.include({ code: 0 });
    expect((await chain.row('w-s0')).status).to.equal('done');
  });
});

describe('a rehearsal that is interrupted', () => {
  let chain: Chain;
  const rehearsals = async (count: number): Promise<void> => {
    await waitFor(`rehearsal ${count}`, async () => (await chain.calls('rehearse')).length === count);
  };

  before(async () => {
    chain = await makeChain({ rehearsal: 'always' });
  });
  after(() => chain.remove());

  it('leaves no process after Ctrl-C, `kill -9` and `cancel`, and is repeated as long as a run needs it', async () => {
    await chain.write('p.yaml', config('p', { scene: { rehearse: { hold: 'go' } } }));
    await fine(chain, 'submit', 'p.yaml');
    const first = await chain.up();
    await rehearsals(1);
    expect((await status(chain)).of('p-s0')).to.include({ state: 'waiting', why: 'is rehearsed now' });
    expect(await first.stop('SIGINT')).to.equal(0);
    expect(await processesOf(chain.root)).to.eql([]);
    const second = await chain.up();
    await rehearsals(2);
    await second.stop('SIGKILL');
    const third = await chain.up();
    await rehearsals(3);
    const [, killed] = await chain.calls('rehearse');
    expect(await commandLine(killed?.pid ?? 0), 'the second was stopped').to.equal(null);
    expect(await fine(chain, 'cancel', 'p')).to.equal('p-s0: cancelled\n');
    const [, , cancelled] = await chain.calls('rehearse');
    await waitFor('the end of the third', async () => (await commandLine(cancelled?.pid ?? 0)) === null);
    expect((await chain.row('p-s0')).status).to.equal('cancelled');
    expect(await third.stop()).to.equal(0);
    expect(await events(chain, 'p-s0')).not.to.include('rehearsed');
  });
});
