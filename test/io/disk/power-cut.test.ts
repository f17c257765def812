import { lstat, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { type Manifest, manifest as manifestSchema } from '../../../src/events/run.ts';
import { commit, finishCommit } from '../../../src/io/artifacts/commit.ts';
import { readText } from '../../../src/io/disk/files.ts';
import { textHash } from '../../../src/io/disk/hash.ts';
import { controlFiles } from '../../../src/io/tool/tool-process.ts';
import { type DiskModel, diskModel, keyOf, type Snapshot } from '../../helpers/disk-model.ts';
import { tempDir } from '../../helpers/temp.ts';

const [dirName, targetName, outside] = ['.1-train.a1', '1-train', '/run'];
const outputs = { 'adapter/weights': 'the weights', notes: 'the notes' };
const kept: Readonly<Record<string, string>> = { ...outputs, 'command.json': '{}', 'log.txt': 'the log' };
const control = controlFiles.filter((name) => name !== 'alive');
const files = Object.fromEntries(
  [...Object.entries(kept), ...control.map((name) => [name, '0'] as const)].map(([path, text]) => [
    `${dirName}/${path}`,
    text,
  ]),
);
const told: Manifest = {
  ...({ version: 1, run: 'a-s0', stage: 'train', attempt: 1, inputs: {}, commands: [], versions: {} } as const),
  ...{
    started: '',
    ended: '',
    seconds: 0,
    peak_bytes: 0,
    estimated_bytes: null,
    warnings: [],
    made: {},
    removed: null,
    host: null,
    servers: [],
    config_sha256: null,
  },
  outputs: Object.entries(outputs).map(([path, text]) => ({
    ...{ path, bytes: text.length, mtime_ms: 0, inode: 0, sha256: textHash(text) },
  })),
};

/** The disk when the power goes before call `stopBefore`; Infinity: `commit` has returned. */
async function cutAt(stopBefore: number, without: number | null): Promise<DiskModel> {
  const disk = diskModel({ root: outside, files, stopBefore, without });
  const done = await commit(join(outside, dirName), join(outside, targetName), told, disk.fs).then(
    () => true,
    (error: unknown) => {
      if (error instanceof Error && error.message === 'power cut') return false;
      throw error;
    },
  );
  expect(done).to.equal(stopBefore >= disk.calls.length && stopBefore === Number.POSITIVE_INFINITY);
  return disk;
}

/** Puts what the cut left on a real disk; size, time and inode are as the manifest has them: a cut does not change those. */
async function materialize(root: string, cut: Snapshot): Promise<void> {
  for (const [path, text] of cut) {
    await mkdir(join(root, text === null ? path : dirname(path)), { recursive: true });
    if (text !== null) await writeFile(join(root, path), text);
  }
  for (const [path, text] of cut) {
    if (!/\/manifest\.json(\.tmp)?$/.test(path) || !text?.startsWith('{')) continue;
    const parsed = manifestSchema.parse(JSON.parse(text));
    const seen = parsed.outputs.map(async (output) => {
      const found = await lstat(join(root, dirname(path), output.path)).catch(() => null);
      return found === null ? output : { ...output, mtime_ms: found.mtimeMs, inode: found.ino };
    });
    await writeFile(join(root, path), JSON.stringify({ ...parsed, outputs: await Promise.all(seen) }));
  }
}

/** What is wrong with a published stage; null: it is whole, its manifest too. */
async function wrongWith(target: string): Promise<string | null> {
  const text = await readText(join(target, 'manifest.json'));
  if (text === null) return 'published without its manifest';
  if (!text.startsWith('{') || !manifestSchema.safeParse(JSON.parse(text)).success) return 'published, no manifest';
  for (const [path, content] of Object.entries(kept))
    if ((await readText(join(target, path))) !== content) return `published without ${path}`;
  return null;
}

/** As `up` after the reboot: published and whole; else finished and whole; else made anew and committed. Null: all well. */
async function afterwards(root: string, cut: Snapshot, isDone: boolean): Promise<string | null> {
  const [dir, target] = [join(root, dirName), join(root, targetName)];
  await materialize(root, cut);
  if (cut.has(targetName)) return wrongWith(target);
  if (isDone) return 'not published though commit() has returned';
  try {
    if ((await finishCommit(dir, target)) === null) {
      for (const [path, text] of Object.entries(kept)) {
        await mkdir(dirname(join(dir, path)), { recursive: true });
        await writeFile(join(dir, path), text);
      }
      await commit(dir, target, told);
    }
  } catch (error) {
    return `cannot go on: ${error instanceof Error ? error.message : String(error)}`;
  }
  const wrong = await wrongWith(target);
  return wrong === null ? null : `after going on: ${wrong}`;
}

const seen = new Map<string, string | null>();

/** Every prefix of the calls and every cut of it: what goes wrong, each with its place. */
async function dangers(without: number | null): Promise<string[]> {
  const root = await tempDir('power');
  const whole = await cutAt(Number.POSITIVE_INFINITY, without);
  const found: string[] = [];
  for (let stop = 0; stop <= whole.calls.length; stop++) {
    const isDone = stop === whole.calls.length;
    const disk = isDone ? whole : await cutAt(stop, without);
    for (const cut of disk.cuts()) {
      const key = `${isDone} ${keyOf(cut)}`;
      const known = seen.get(key);
      const wrong = known === undefined ? await afterwards(join(root, String(seen.size)), cut, isDone) : known;
      seen.set(key, wrong);
      if (wrong !== null) found.push(`${wrong}, cut before call ${stop} (${whole.calls[stop] ?? 'the end'})`);
    }
  }
  return found;
}

describe('a power cut in commit()', () => {
  it('at every call, with any names and contents lost that were not synced: nothing published, or all of it', async () => {
    expect(await dangers(null)).to.eql([]);
    expect(seen.size, 'states of the disk that were looked at').to.be.greaterThan(40);
  });

  it('is survived because of its syncs: each is needed, but those that are named here', async () => {
    const { calls } = await cutAt(Number.POSITIVE_INFINITY, null);
    const syncs = calls.flatMap((call, index) => (call.startsWith('sync') ? [{ call, index }] : []));
    const results = new Map<string, readonly string[]>();
    for (const { call, index } of syncs) {
      const nth = calls.slice(0, index).filter((one) => one === call).length + 1;
      results.set(`${call} #${nth}`, await dangers(index));
    }
    const needed = [...results].flatMap(([name, found]) => (found.length > 0 ? [name] : []));
    const spare = [...results].flatMap(([name, found]) => (found.length === 0 ? [name] : []));
    // Control files are removed before the folder is published, and mean nothing after a reboot.
    expect(spare).to.have.members(control.map((name) => `sync ${name} #1`));
    expect(needed).to.have.members([
      ...['sync weights #1', 'syncFolder adapter #1', 'sync notes #1', 'sync command.json #1', 'sync log.txt #1'],
      ...['sync manifest.json.tmp #1', `syncFolder ${dirName} #1`, `syncFolder ${dirName} #2`, 'syncFolder run #1'],
    ]);
    // A manifest with a name promises the log beside it too, which finishCommit does not look for.
    expect(results.get(`syncFolder ${dirName} #1`)?.join('\n')).to.contain('after going on: published without log.txt');
    expect(results.get('sync manifest.json.tmp #1')?.join('\n')).to.match(/no manifest|cannot go on/);
    expect(results.get('sync weights #1')?.join('\n')).to.contain('without adapter/weights');
    expect(results.get(`syncFolder ${dirName} #2`)?.join('\n')).to.contain('published without its manifest');
    expect(results.get('syncFolder run #1')?.join('\n')).to.contain('though commit() has returned');
  });

  it('the model is no kinder than a disk: what is not synced is lost, what is synced stays', async () => {
    const cuts = (await cutAt(0, null)).cuts().map((cut) => [...cut.keys()].length);
    expect(Math.min(...cuts)).to.equal(0);
    const after = (await cutAt(Number.POSITIVE_INFINITY, null)).cuts();
    expect(after.length, 'one state only: all of it').to.equal(1);
    expect(after[0]?.get(`${targetName}/notes`)).to.equal('the notes');
  });
});
