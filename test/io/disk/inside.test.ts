import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { isInside } from '../../../src/events/paths.ts';
import { fileInside, pathInside, removeInside } from '../../../src/io/disk/inside.ts';
import { tempDir } from '../../helpers/temp.ts';

const wrong = [
  '',
  '.',
  '..',
  '/',
  '/etc/passwd',
  '../x',
  'a/../b',
  'a/..',
  'a/./b',
  'a//b',
  'a/',
  'a\0b',
  'a\nb',
  '..\\x',
];
const right = ['a', 'model', 'adapter/0000200_adapters.safetensors', 'a..b/c', '...', '.hidden', 'é ü/x y'];

const refused = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'done',
    (error: Error) => error.message,
  );

describe('a path inside a folder', () => {
  let root: string;
  let folder: string;
  beforeEach(async () => {
    root = await tempDir('inside');
    folder = join(root, 'artifacts/3-fuse');
    await mkdir(join(folder, 'model'), { recursive: true });
    await writeFile(join(folder, 'model/weights'), 'mine');
    await mkdir(join(root, 'canary'));
    await writeFile(join(root, 'canary/weights'), 'yours');
  });

  it('is relative and has no part that leads out', async () => {
    for (const path of wrong) expect(isInside(path), JSON.stringify(path)).to.equal(false);
    for (const path of right) expect(isInside(path), path).to.equal(true);
    for (const path of wrong) expect(await refused(removeInside(folder, path)), path).to.contain('leads out of');
    expect(await readdir(root)).to.have.members(['artifacts', 'canary']);
  });

  it('is deleted, also where the workspace itself is reached by a link', async () => {
    await symlink(root, join(root, 'link'));
    expect(await pathInside(join(root, 'link/artifacts/3-fuse'), 'model')).to.match(/3-fuse\/model$/);
    expect((await fileInside(folder, 'model/weights')).stats.size).to.equal(4);
    await removeInside(join(root, 'link/artifacts/3-fuse'), 'model');
    expect(await readdir(folder)).to.eql([]);
    await removeInside(folder, 'model');
    await removeInside(folder, 'model/weights');
  });

  it('does not lead out by a link at its end, on its way, or in place of the folder', async () => {
    await symlink(join(root, 'canary'), join(folder, 'away'));
    await symlink(join(root, 'canary/weights'), join(folder, 'model/linked'));
    await symlink(join(root, 'canary'), join(root, 'artifacts/4-quantize'));
    for (const [place, path] of [
      [folder, 'away/weights'],
      [join(root, 'artifacts/4-quantize'), 'weights'],
    ] as const) {
      expect(await refused(removeInside(place, path))).to.contain('leads out of');
      expect(await refused(fileInside(place, path))).to.contain('leads out of');
    }
    expect(await refused(fileInside(folder, 'model/linked'))).to.contain('leads out of');
    expect(await refused(fileInside(folder, 'model'))).to.contain('not a regular file');
    await removeInside(folder, 'away');
    await removeInside(folder, 'model/linked');
    expect(await readFile(join(root, 'canary/weights'), 'utf8')).to.equal('yours');
    expect(await readdir(folder)).to.eql(['model']);
  });
});
