import { lstat, mkdir, readFile, readlink, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { DamagedFile } from '../../../src/core/errors.ts';
import { copyInto, linkInto } from '../../../src/io/disk/inside.ts';
import { tempDir } from '../../helpers/temp.ts';

describe('io/disk/place-file', () => {
  it('replaces what an earlier life left half done, and never writes through it', async () => {
    const [folder, outside] = [await tempDir('attempt'), await tempDir('outside')];
    const from = join(outside, 'weights');
    await writeFile(from, 'whole');
    await mkdir(join(folder, 'adapter'));
    await writeFile(join(folder, 'adapter/weights'), 'ha');
    await copyInto(folder, 'adapter/weights', from);
    await copyInto(folder, 'adapter/weights', from);
    expect(await readFile(join(folder, 'adapter/weights'), 'utf8')).to.equal('whole');
    // No space is used for the second name.
    expect((await stat(from)).nlink).to.equal(2);

    await linkInto(folder, 'chosen/weights', '/elsewhere');
    await linkInto(folder, 'chosen/weights', from);
    expect(await readlink(join(folder, 'chosen/weights'))).to.equal(from);
    // A new link gets the inode of the one that was removed: its time says that it is new.
    const since = async () => (await lstat(join(folder, 'chosen/weights'), { bigint: true })).ctimeNs;
    const before = await since();
    await linkInto(folder, 'chosen/weights', from);
    expect(await since(), 'a tool may be reading through it').to.equal(before);
    // The name is a link now: the copy takes its place, and what it led to stays.
    await writeFile(join(outside, 'other'), 'other');
    await copyInto(folder, 'chosen/weights', join(outside, 'other'));
    expect(await readFile(from, 'utf8')).to.equal('whole');
  });

  it('does not leave its folder by a link, and says which file is not there', async () => {
    const [folder, outside] = [await tempDir('attempt'), await tempDir('outside')];
    await symlink(outside, join(folder, 'adapter'));
    const thrown = await copyInto(folder, 'adapter/weights', join(outside, 'x')).catch((error: unknown) => error);
    expect(thrown).to.be.instanceOf(DamagedFile);
    const missing = await copyInto(folder, 'weights', join(outside, 'x')).catch((error: unknown) => error);
    expect(missing).to.include({ code: 'ENOENT', path: join(outside, 'x') });
  });
});
