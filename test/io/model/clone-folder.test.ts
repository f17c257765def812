import { lstat, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { CommandError } from '../../../src/core/errors.ts';
import { textHash } from '../../../src/io/disk/hash.ts';
import { cloneFolder, type Piece } from '../../../src/io/model/clone-folder.ts';
import { tempDir } from '../../helpers/temp.ts';

const signal = new AbortController().signal;
const check = async (): Promise<void> => undefined;

async function piece(to: string, text: string): Promise<Piece> {
  const from = join(await tempDir('source'), 'file');
  await writeFile(from, text);
  return { from, to, sha256: textHash(text) };
}

async function errorOf(call: Promise<unknown>): Promise<CommandError> {
  const error = await call.then(
    () => new Error('it did not throw'),
    (thrown: unknown) => thrown,
  );
  if (error instanceof CommandError) return error;
  throw error;
}

describe('cloneFolder', () => {
  it('copies files into folders of the new one, and says how much', async () => {
    const target = join(await tempDir('out'), 'a', 'b');
    const pieces = [await piece('one', '12345'), await piece('deep/er/two', '678')];
    expect(await cloneFolder({ pieces, target, signal, check })).to.include({ bytes: 8 });
    expect(await readFile(join(target, 'deep/er/two'), 'utf8')).to.equal('678');
    expect((await readdir(target)).sort()).to.eql(['deep', 'one']);
  });

  it('follows links, and makes none', async () => {
    const original = await piece('one', 'text');
    const link = join(await tempDir('links'), 'link');
    await symlink(original.from, link);
    const target = join(await tempDir('out'), 'copy');
    await cloneFolder({ pieces: [{ ...original, from: link }], target, signal, check });
    expect((await lstat(join(target, 'one'))).isFile()).to.equal(true);
  });

  it('refuses a copy that is not what was recorded, and leaves nothing', async () => {
    const out = await tempDir('out');
    const wrong = { ...(await piece('two', 'b')), sha256: textHash('c') };
    const pieces = [await piece('one', 'a'), wrong];
    const error = await errorOf(cloneFolder({ pieces, target: join(out, 'copy'), signal, check }));
    expect(error.exitCode).to.equal(1);
    expect(error.message).to.contain(wrong.from).and.to.contain('damaged');
    expect(await readdir(out)).to.eql([]);
  });

  it('shows the finished copy to the check before it gets its name', async () => {
    const out = await tempDir('out');
    const target = join(out, 'copy');
    const seen: string[][] = [];
    const refuse = async (draft: string): Promise<void> => {
      seen.push(await readdir(draft), await readdir(out));
      throw new CommandError(1, 'not this one');
    };
    const pieces = [await piece('one', 'a')];
    expect((await errorOf(cloneFolder({ pieces, target, signal, check: refuse }))).message).to.equal('not this one');
    expect(seen[0]).to.eql(['one']);
    expect(seen[1]).not.to.include('copy');
    expect(await readdir(out)).to.eql([]);
  });

  it('does not replace what appeared at the target meanwhile', async () => {
    const target = join(await tempDir('out'), 'copy');
    const fill = async (): Promise<void> => {
      await mkdir(target);
      await writeFile(join(target, 'mine'), 'mine');
    };
    const error = await errorOf(cloneFolder({ pieces: [await piece('one', 'a')], target, signal, check: fill }));
    expect(error.exitCode).to.equal(3);
    expect(await readdir(target)).to.eql(['mine']);
  });

  it('fills the empty folder that a link leads to', async () => {
    const empty = await tempDir('empty');
    const link = join(await tempDir('links'), 'link');
    await symlink(empty, link);
    await cloneFolder({ pieces: [await piece('one', 'a')], target: link, signal, check });
    expect(await readdir(empty)).to.eql(['one']);
    const lost = join(await tempDir('links'), 'lost');
    await symlink(join(empty, 'nowhere'), lost);
    const error = await errorOf(cloneFolder({ pieces: [await piece('one', 'a')], target: lost, signal, check }));
    expect(error.exitCode).to.equal(2);
  });
});
