import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Chain, config, makeChain } from '../helpers/chain.ts';
import { copyOlderWorkspace } from '../helpers/older-workspace.ts';
import { type Damage, damages, smallFiles } from './damage.ts';

const commands = [
  ['status'],
  ['status', '--json'],
  ['verify'],
  ['report'],
  ['gc', '--models', '--checkpoints', '--yes'],
  ['compare', 'one', 'two'],
  ['retry', 'two-s0', '--stage', 'eval'],
  ['up', '--once', '--no-dashboard'],
] as const;

/** PHASEBOX_DAMAGES: how many of all pairs of file and damage are tried; a sample by default. */
const wanted = Number(process.env.PHASEBOX_DAMAGES ?? 3);
const all = smallFiles.flatMap((file) =>
  (Object.keys(damages) as Damage[])
    .filter((damage) => /\.jsonl?$/.test(file) || !damage.includes('field'))
    .map((damage) => ({ file, damage })),
);
const step = Math.max(1, Math.floor(all.length / wanted)) | (wanted < all.length ? 1 : 0);
/** A step that is no divisor of the number of damages: each kind comes up. */
const tried = all.filter((_, index) => index % step === 0).slice(0, wanted);

describe('one damaged file of ours', () => {
  let chain: Chain;
  let canary: string;
  beforeEach(async () => {
    chain = await makeChain();
    await copyOlderWorkspace(chain.root);
    canary = join(chain.root, '..', `canary-${process.pid}`);
    await mkdir(canary, { recursive: true });
    await writeFile(join(canary, 'mine'), 'mine');
  });
  afterEach(async () => {
    expect(await readdir(canary)).to.eql(['mine']);
    await rm(canary, { recursive: true });
    await chain.remove();
  });

  for (const { file, damage } of tried)
    it(`${file}, ${damage}: no stack, no hang, and the others go on`, async () => {
      await damages[damage](join(chain.root, file));
      await chain.write('inbox/fresh.yaml', config('fresh'));
      for (const command of commands) {
        const { out, err } = await chain.phasebox(...command);
        const text = `${out}${err}`;
        expect(text, command.join(' ')).to.not.match(/phasebox itself failed|^\s+at .*:\d+:\d+/m);
        // biome-ignore lint/suspicious/noControlCharactersInRegex: what must not reach a terminal
        expect(text, command.join(' ')).to.not.match(/[\u0007\u001b]/);
      }
      // Where the rows should be is something else: nothing can go on, and the file is named.
      if (file === 'artifacts/results.jsonl' && /folder|link|fifo/.test(damage)) {
        expect((await chain.phasebox('status')).err).to.match(/results\.jsonl cannot be read: it is not a regular/);
        return;
      }
      const { runs } = JSON.parse((await chain.phasebox('status', '--json')).out);
      expect(runs.find(({ run }: { run: string }) => run === 'fresh-s0')).to.include({ state: 'done' });
    });
});
