import { execFileSync } from 'node:child_process';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { filesBelow, textHash } from '../../../src/io/disk/hash.ts';
import { readModelFolder } from '../../../src/io/model/model-folder.ts';
import { contentHash } from '../../../src/io/thread/content-hash.ts';
import { openLookups } from '../../../src/io/workspace/lookups.ts';
import { tempDir } from '../../helpers/temp.ts';
import { tinyModel } from '../../helpers/tiny-model.ts';

describe('io/hash', () => {
  it('hashes a folder by the paths and contents of its files, links to files and folders included', async () => {
    const [folder, other] = [await tempDir(), await tempDir()];
    await mkdir(join(folder, 'sub'));
    await writeFile(join(folder, 'sub', 'b'), 'two');
    await writeFile(join(other, 'c'), 'three');
    await symlink(other, join(folder, 'linked'));
    await symlink(join(other, 'c'), join(folder, 'a'));
    const lines = [`a\0${textHash('three')}\n`, `linked/c\0${textHash('three')}\n`, `sub/b\0${textHash('two')}\n`];
    expect(await contentHash(folder)).to.equal(textHash(lines.join('')));
  });

  it('names a link that leads back into its own folder instead of following it without end', async () => {
    const folder = await tempDir();
    for (const name of ['x', 'y']) await symlink('.', join(folder, name));
    const { hash } = openLookups({ root: folder, artifacts: folder, python: 'python3' });
    const found = await hash(folder);
    expect('message' in found && found.message).to.match(/^something in .* cannot be read: .*\/x leads back to /);
  });

  it('leaves out a pipe and an endless device, also behind a link', async () => {
    const folder = await tempDir();
    await writeFile(join(folder, 'a'), 'one');
    execFileSync('mkfifo', [join(folder, 'pipe')]);
    await symlink(join(folder, 'pipe'), join(folder, 'to-pipe'));
    await symlink('/dev/zero', join(folder, 'zero'));
    expect(await filesBelow(folder)).to.eql([join(folder, 'a')]);
  });
});

describe('a model folder with something else in the place of a file', () => {
  for (const name of ['config.json', 'tokenizer.json', 'model.safetensors', 'chat_template.jinja'])
    for (const target of ['a pipe', '/dev/zero'])
      it(`refuses ${target} as ${name}, and waits for nothing`, async () => {
        const folder = join(await tempDir(), 'm');
        await tinyModel(folder);
        const path = join(folder, name);
        execFileSync('rm', ['-f', path]);
        if (target === 'a pipe') execFileSync('mkfifo', [path]);
        else await symlink(target, path);
        const model = await readModelFolder(folder);
        expect(model.whole ? 'whole' : model.problem).to.equal(`${name}: is not a regular file`);
      });
});
