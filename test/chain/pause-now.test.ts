import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Chain, config, makeChain } from '../helpers/chain.ts';
import { fine, folder, held, status, trains } from '../helpers/control.ts';
import { waitFor } from '../helpers/temp.ts';

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

describe('pause --now', () => {
  let chain: Chain;

  before(async () => {
    chain = await makeChain();
  });
  after(() => chain.remove());

  const failures = async (run: string) =>
    (await chain.journal(run)).flatMap((line) =>
      line.event === 'failed' ? [[line.code, line.stage, line.attempt]] : [],
    );
  const isPaused = (run: string) =>
    waitFor(`the pause of ${run}`, async () => {
      const one = (await status(chain)).of(run);
      return one?.state === 'paused' ? one : null;
    });

  it('of the workspace: a training saves its state and frees the machine; it continues exactly from there', async () => {
    const up = await chain.up();
    await chain.write('inbox/p.yaml', config('p', held('go-p')));
    await trains(chain, 'p-s0');
    await waitFor('a report', async () =>
      /report/.test(await chain.read('artifacts/p/p-s0/.1-train.a1/progress.jsonl').catch(() => '')),
    );
    const said = await fine(chain, 'pause', '--now');
    expect(said).to.match(/^paused: no new stage starts/);
    expect(said).to.contain('p-s0: train saves its state after the current iteration, and ends');
    await chain.release('go-p');
    expect(await isPaused('p-s0')).to.include({ stage: 'train', attempt: 2 });
    await up.says(/p-s0: train paused; resumes from its last saved state/);
    expect(await failures('p-s0')).to.eql([['PAUSED', 'train', 1]]);
    expect((await chain.phasebox('status')).out).to.not.contain('p-s0: failed');
    expect(await fine(chain, 'resume')).to.equal('resumed\n');
    const row = await chain.row('p-s0');
    expect(row).to.deep.include({ status: 'done', error: null });
    expect(row.training?.resumed).to.have.length(1);
    expect(row.training?.resumed[0]).to.be.at.least(10);
    expect(await up.stop()).to.equal(0);
  });

  it('of a run without `up`: the tool that an earlier one left ends after it has saved its state', async () => {
    const up = await chain.up();
    await chain.write('inbox/q.yaml', config('q', held('go-q')));
    await trains(chain, 'q-s0');
    const attempt = join(folder(chain, 'q-s0'), '.1-train.a1');
    await waitFor('a state', () => isThere(join(attempt, 'states')));
    expect(await up.stop('SIGTERM')).to.equal(0);
    const asked = fine(chain, 'pause', 'q-s0', '--now');
    await waitFor('the request', () => isThere(join(attempt, 'pause')));
    await chain.release('go-q');
    expect(await asked).to.contain('q-s0: train saves its state after the current iteration, and ends');
    expect(await failures('q-s0')).to.eql([['PAUSED', 'train', 1]]);
    expect(await fine(chain, 'resume', 'q-s0')).to.equal('q-s0: resumed\n');
    await fine(chain, 'up', '--once', '--no-dashboard');
    expect((await chain.row('q-s0')).training?.resumed).to.have.length(1);
  });

  it('of a run without `up`: a training that has finished meanwhile is kept', async () => {
    const up = await chain.up();
    await chain.write('inbox/s.yaml', config('s', held('go-s')));
    await trains(chain, 's-s0');
    expect(await up.stop('SIGTERM')).to.equal(0);
    await chain.release('go-s');
    await waitFor('its end', () => isThere(join(folder(chain, 's-s0'), '.1-train.a1/exit')));
    expect(await fine(chain, 'pause', 's-s0', '--now')).to.contain('s-s0: finishes train first');
    await fine(chain, 'resume', 's-s0');
    await fine(chain, 'up', '--once', '--no-dashboard');
    expect(await chain.row('s-s0')).to.deep.include({ status: 'done', error: null });
    expect(await failures('s-s0')).to.eql([]);
    expect((await chain.calls('lora')).filter(({ run }) => run === 's-s0')).to.have.length(1);
  });

  it('of a phase: an eval is interrupted, and continues with its answers', async () => {
    const up = await chain.up();
    await chain.write(
      'inbox/r.yaml',
      config('r', { scene: { model_cost: { hold: 'go-r' } }, eval: { suite: 'four.yaml', base: false, cost: true } }),
    );
    const costs = async () => (await chain.calls('model_cost')).filter(({ run }) => run === 'r-s0');
    await waitFor('the cost', async () => (await costs()).length === 1);
    await fine(chain, 'pause', 'r', '--now');
    expect((await isPaused('r-s0')).stage).to.equal('eval');
    await chain.release('go-r');
    await fine(chain, 'resume', 'r');
    expect(await chain.row('r-s0')).to.deep.include({ status: 'done', error: null });
    expect(await costs()).to.have.length(2);
    expect(await failures('r-s0')).to.eql([['PAUSED', 'eval', 1]]);
    const served = (await chain.calls('serve')).filter(({ run, cwd }) => run === 'r-s0' && cwd.endsWith('.6-eval.a2'));
    expect(served, 'no answer is asked for again').to.eql([]);
    expect(await up.stop()).to.equal(0);
  });
});
