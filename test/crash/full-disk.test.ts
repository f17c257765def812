import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { type Chain, config } from '../helpers/chain.ts';
import { crashChain, expectNothingLost, hitOf, hooked, inPool, type Plan } from '../helpers/crash.ts';
import { hasOwnMounts, inOwnMounts, onSmallDisk, whyNoMounts } from '../helpers/own-mounts.ts';
import { tempDir, waitFor } from '../helpers/temp.ts';

/* Not a byte is left, at each write of a run. */

const journal = (event: string): string => `append \\S+/p-s0/\\S+ .*"event":"${event}"`;
const writes: Readonly<Record<string, string>> = {
  seen: 'append \\S+/\\.phasebox/journal\\.jsonl .*"event":"seen"',
  claimed: 'rename \\S+/inbox/p\\.yaml ',
  'the plan': 'write \\S+/\\.p-s0\\.new/run\\.json$',
  "the journal's first line": 'write \\S+/\\.p-s0\\.new/journal\\.jsonl$',
  'phase.json': 'write \\S+/p/\\.phase\\.json\\.tmp$',
  admission: 'add runs admission-1$',
  started: journal('started'),
  'event added': 'add train p-s0-train-a1$',
  reserved: journal('reserved'),
  'the record of a tool': 'write \\S+/\\.1-train\\.a1/command\\.json$',
  'the start of a tool': 'spawn sh \\S+/wrap\\.sh \\S+ \\S+/\\.1-train\\.a1 ',
  'tool started': journal('tool_started'),
  'tool ended': journal('tool_ended'),
  verified: journal('verified'),
  manifest: 'write \\S+/\\.1-train\\.a1/manifest\\.json\\.tmp$',
  renamed: 'rename \\S+/\\.1-train\\.a1 ',
  committed: journal('committed'),
  'next event': 'add fuse p-s0-fuse-a1$',
  'an answer': 'append \\S+/answers\\.jsonl ',
  'the row': 'write \\S+/\\.[0-9a-f]+\\.results\\.jsonl\\.tmp$',
  'row noted': journal('row'),
  'the page': 'write \\S+/\\.[0-9a-f]+\\.COMPARISON\\.md\\.tmp$',
};

/** The disk is full for 1.5 s: longer than a look for space takes, shorter than patience. */
async function play(chain: Chain, plan: Plan): Promise<void> {
  try {
    await chain.write('inbox/p.yaml', config('p'));
    await chain.write('inbox/q.yaml', config('q'));
    const up = await chain.startUnder(hooked(chain, plan), 'up', '--once', '--no-dashboard');
    await waitFor('the full disk', () => hitOf(chain, plan));
    await delay(1500);
    await rm(join(chain.root, 'filler'));
    const { code, out, err } = await up.ended;
    expect(code, `${out}${err}`).to.equal(0);
    await expectNothingLost(chain, ['p-s0', 'q-s0'], []);
    expect(await chain.read('artifacts/COMPARISON.md')).to.match(/q-s0/);
  } finally {
    await chain.remove();
  }
}

if (!hasOwnMounts)
  describe('a disk that is full', function () {
    this.timeout(10 * 60_000);

    it('at every write of a run: nothing damaged is published, and it continues on its own', async function () {
      const why = await whyNoMounts();
      if (why !== null) {
        console.log(`      skipped: no tmpfs of our own here (${why})`);
        return this.skip();
      }
      const { passes, failures } = await inOwnMounts('test/crash/full-disk.test.ts', {
        CRASH_HITS: await tempDir('hits'),
      });
      expect(failures).to.eql([]);
      expect(passes).to.equal(Object.keys(writes).length);
      console.log(`      ${passes} writes met a full disk`);
    });
  });
else
  describe('inside', function () {
    this.timeout(10 * 60_000);
    const names = Object.keys(writes);
    let played: Promise<void>[] = [];
    before(async () => {
      const chains: Chain[] = [];
      for (const _ of names) chains.push(await onSmallDisk(24, () => crashChain()));
      played = inPool(names, 4, (name) => {
        const chain = chains[names.indexOf(name)];
        if (chain === undefined) throw new Error(`no workspace for ${name}`);
        return play(chain, { at: writes[name] ?? '', when: 'before', act: 'fill' });
      });
      for (const one of played) one.catch(() => undefined); // told by its own test
    });
    for (const [index, name] of names.entries()) it(name, () => played[index]);
  });
