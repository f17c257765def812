import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { execa } from 'execa';
import { type Chain, config } from '../helpers/chain.ts';
import { crashChain, expectNothingLost, hitOf, hooked, inPool, type Plan } from '../helpers/crash.ts';
import { repository } from '../helpers/product.ts';
import { tempDir, waitFor } from '../helpers/temp.ts';

/*
 * Not a byte is left, at each write of a run. Needs a file system of its own, so the tests run in a second mocha under
 * `unshare -rm`, where a tmpfs may be mounted; FULL_DISK is the folder of the mounts there.
 */

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

async function mounted(folder: string, name: string): Promise<Chain> {
  const place = join(folder, name.replace(/\W/g, '_'));
  await mkdir(place);
  await execa('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', place]);
  process.env.TMPDIR = place; // where makeChain makes its folder
  return crashChain();
}

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

const inside = process.env.FULL_DISK;
if (inside === undefined)
  describe('a disk that is full', function () {
    this.timeout(10 * 60_000);

    it('at every write of a run: nothing damaged is published, and it continues on its own', async function () {
      const allowed = await execa('unshare', ['-rm', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'], { reject: false });
      if (allowed.failed) {
        console.log(`      skipped: no tmpfs of our own here (${allowed.shortMessage})`);
        return this.skip();
      }
      const folder = await tempDir('full');
      const mocha = join(repository, 'node_modules/mocha/bin/mocha.js');
      const args = ['-rm', process.execPath, '--import', 'tsx', mocha, '--no-config', '--exit', '--reporter', 'json'];
      const { stdout, stderr } = await execa('unshare', [...args, 'test/crash/full-disk.test.ts'], {
        cwd: repository,
        env: { FULL_DISK: folder, CRASH_HITS: folder },
        reject: false,
      });
      const start = stdout.indexOf('{\n  "stats"');
      if (start < 0) throw new Error(`no result:\n${stdout}\n${stderr}`);
      const { stats, failures } = JSON.parse(stdout.slice(start)) as {
        stats: { passes: number };
        failures: { title: string; err: { message: string } }[];
      };
      expect(failures.map(({ title, err }) => `${title}: ${err.message}`)).to.eql([]);
      expect(stats.passes).to.equal(Object.keys(writes).length);
      console.log(`      ${stats.passes} writes met a full disk`);
    });
  });
else
  describe('inside', function () {
    this.timeout(10 * 60_000);
    const names = Object.keys(writes);
    let played: Promise<void>[] = [];
    before(async () => {
      const chains: Chain[] = [];
      for (const name of names) chains.push(await mounted(inside, name));
      played = inPool(names, 4, (name) => {
        const chain = chains[names.indexOf(name)];
        if (chain === undefined) throw new Error(`no workspace for ${name}`);
        return play(chain, { at: writes[name] ?? '', when: 'before', act: 'fill' });
      });
      for (const one of played) one.catch(() => undefined); // told by its own test
    });
    for (const [index, name] of names.entries()) it(name, () => played[index]);
  });
