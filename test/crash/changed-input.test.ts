import { readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { config } from '../helpers/chain.ts';
import { crashChain, hits, hookedWait } from '../helpers/crash.ts';
import { waitFor } from '../helpers/temp.ts';

/* Somebody writes to a committed stage while `up` is between two stages. */

const damages = {
  /** Every header still fits: only the time of writing tells. */
  async 'a byte flipped'(path: string) {
    const bytes = await readFile(path);
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    await writeFile(path, bytes);
  },
  'cut to half': (path: string) => truncate(path, 1000),
};

describe('a committed output that was changed', () => {
  it('is refused before the next stage reads it', async () => {
    for (const damage of Object.values(damages)) {
      const chain = await crashChain();
      try {
        await chain.write('inbox/p.yaml', config('p'));
        const up = await chain.startUnder(
          hookedWait(chain, 'append \\S+/p-s0/\\S+ .*"event":"committed".*"train"'),
          ...['up', '--once', '--no-dashboard'],
        );
        await waitFor('the pause', async () => (await hits(chain)).some(({ act }) => act === 'waits'));
        await damage(join(chain.root, 'artifacts/p/p-s0/1-train/adapter/adapters.safetensors'));
        await chain.release('go');
        expect((await up.ended).code).to.equal(1);
        const [row] = await chain.rows();
        expect([row?.status, row?.error?.code, row?.error?.stage]).to.eql(['failed', 'INPUT_CHANGED', 'fuse']);
        expect(await chain.calls('fuse_direct')).to.eql([]);
      } finally {
        await chain.remove();
      }
    }
  });
});
