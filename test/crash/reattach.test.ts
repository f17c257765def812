import { readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { bootId } from '../../src/io/host/process-facts.ts';
import { config } from '../helpers/chain.ts';
import { crashChain, expectNothingLost } from '../helpers/crash.ts';
import { killInEachTraining, startsOf } from '../helpers/killed-trainings.ts';
import { waitFor } from '../helpers/temp.ts';

/** As if `up` had died nine hours ago, two hours before its training ended. */
async function makeOlder(dir: string): Promise<void> {
  const hours = (count: number): number => Date.now() / 1000 - count * 3600;
  for (const [name, ago] of [
    ['started', 9],
    ['exit', 7],
    ['log.txt', 7],
  ] as const)
    await utimes(join(dir, name), hours(ago), hours(ago));
  const journal = join(dir, '../journal.jsonl');
  const text = await readFile(journal, 'utf8');
  const lines = text
    .trimEnd()
    .split('\n')
    .map((line) => ({ ...JSON.parse(line), at: new Date(hours(9) * 1000) }));
  await writeFile(journal, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
}

describe('after kill -9 of up', () => {
  it('the training is taken over: started once, 4 of 4 (20 of 20: test/long/reattach.test.ts)', async () => {
    expect(await killInEachTraining(['p', 'q', 'r', 's'])).to.equal(4);
  });

  it('a tool that ended meanwhile is taken at its exit code; one of another boot is not', async () => {
    for (const boot of [await bootId(), 'another boot']) {
      const chain = await crashChain();
      try {
        await chain.write('inbox/p.yaml', config('p', { scene: { lora: { hold: 'go' } } }));
        const up = await chain.up();
        await waitFor('the training', async () => (await startsOf(chain, 'p-s0', 'lora')) === 1);
        await up.stop('SIGKILL');
        await chain.release('go');
        const dir = join(chain.root, 'artifacts/p/p-s0/.1-train.a1');
        await waitFor('its end', () => chain.read('artifacts/p/p-s0/.1-train.a1/exit').catch(() => null));
        const command = JSON.parse(await chain.read('artifacts/p/p-s0/.1-train.a1/command.json'));
        await writeFile(join(dir, 'command.json'), JSON.stringify({ ...command, boot }));
        await makeOlder(dir);
        const again = await chain.phasebox('up', '--once', '--no-dashboard');
        expect([again.code, again.err]).to.eql([0, '']);
        expect(await startsOf(chain, 'p-s0', 'lora')).to.equal(boot === 'another boot' ? 2 : 1);
        const { seconds } = await chain.row('p-s0');
        expect(seconds.train, 'two hours of training, seven without `up`').to.be.within(7200, 7260);
        const events = (await chain.journal('p-s0')).map(({ event }) => event);
        const count = (name: string): number => events.filter((event) => event === name).length;
        expect(count('tool_ended'), 'each end once').to.equal(count('tool_started'));
        await expectNothingLost(chain, ['p-s0'], ['fuse_direct']);
      } finally {
        await chain.remove();
      }
    }
  });

  it('an attempt whose record names another tool is not retried: no process is signalled, and the training starts from scratch', async () => {
    const chain = await crashChain();
    try {
      await chain.write('inbox/p.yaml', config('p', { scene: { lora: { hold: 'go' } } }));
      const up = await chain.up();
      await waitFor('the training', async () => (await startsOf(chain, 'p-s0', 'lora')) === 1);
      await up.stop('SIGKILL');
      await chain.release('go');
      const dir = join(chain.root, 'artifacts/p/p-s0/.1-train.a1');
      await waitFor('its end', () => chain.read('artifacts/p/p-s0/.1-train.a1/exit').catch(() => null));
      await writeFile(join(dir, 'command.json'), '{"nonce": "somebody');
      const again = await chain.phasebox('up', '--once', '--no-dashboard');
      expect([again.code, again.err]).to.eql([0, '']);
      await expectNothingLost(chain, ['p-s0'], ['fuse_direct']);
    } finally {
      await chain.remove();
    }
  });
});
