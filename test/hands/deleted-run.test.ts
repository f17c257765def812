import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Chain, config, makeChain } from '../helpers/chain.ts';
import { waitFor } from '../helpers/temp.ts';

let chain: Chain;
const folder = (run: string): string => join(chain.root, 'artifacts', run.replace(/-s0$/, ''), run);
/** A command that looks at the workspace makes `up` look too, sooner than its own tick. */
const look = () => chain.phasebox('status');
/** What `status` and the page say of it. */
const lost = (run: string): string =>
  `${run}: its run folder was deleted before it finished. Submit its config again to run it.`;
const page = (): Promise<string> => readFile(join(chain.root, 'artifacts/COMPARISON.md'), 'utf8').catch(() => '');
const trains = (run: string) =>
  waitFor(`the training of ${run}`, async () => (await chain.calls('lora')).some((call) => call.run === run));

describe('a run whose folder is deleted while `up` lives', () => {
  beforeEach(async () => {
    chain = await makeChain();
    await chain.write('inbox/a.yaml', config('a', { scene: { lora: { hold: 'go' } } }));
    await chain.write('inbox/b.yaml', config('b'));
    await chain.write('inbox/c.yaml', config('c'));
  });
  afterEach(() => chain.remove());

  it('leaves the queue when it waits, with a line, and the others continue', async () => {
    const up = await chain.up();
    await trains('a-s0');
    await up.says(/phase c, \d+ new run/);
    await rm(folder('b-s0'), { recursive: true });
    await look();
    await up.says(/b-s0: its folder \S+ is gone, so it left the queue/);
    await chain.release('go');
    for (const run of ['a-s0', 'c-s0']) expect(await chain.row(run)).to.include({ status: 'done' });
    expect((await chain.rows()).map(({ run }) => run)).to.eql(['a-s0', 'c-s0']);
    expect((await chain.phasebox('status')).out).to.contain(`warning: b: ${lost('b-s0')}`);
    const { warnings } = JSON.parse((await chain.phasebox('status', '--json')).out);
    expect(warnings).to.eql([{ phase: 'b', text: lost('b-s0') }]);
    await waitFor('b-s0 on the page', async () => (await page()).includes(lost('b-s0')));
    expect(await up.stop()).to.equal(0);
  });

  it('is ended with its tool when it works, and the next one starts', async () => {
    const up = await chain.up();
    await trains('a-s0');
    const [call] = await chain.calls('lora');
    await rm(folder('a-s0'), { recursive: true, maxRetries: 5 });
    await look();
    await up.says(/a-s0: its folder \S+ is gone, so it left the queue/);
    for (const run of ['b-s0', 'c-s0']) expect(await chain.row(run)).to.include({ status: 'done' });
    await waitFor('a-s0 on the page', async () => (await page()).includes(lost('a-s0')));
    await waitFor('the end of its tool', () => !isThere(call?.pid ?? 0));
    const code = await up.stop();
    expect(code, (await up.ended).err).to.equal(0);
  });
});

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false; // ESRCH: nobody has this pid
  }
}
