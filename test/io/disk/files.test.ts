import { readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { execa } from 'execa';
import { ifAbsent } from '../../../src/io/disk/files.ts';
import { tempDir } from '../../helpers/temp.ts';

describe('io/files', () => {
  it('takes nothing but what is not there for absent', async () => {
    const folder = await tempDir('files');
    await writeFile(join(folder, 'file'), '');
    await symlink('loop', join(folder, 'loop'));
    const list = (name: string): Promise<string[]> => readdir(join(folder, name)).catch(ifAbsent([]));
    expect(await list('nowhere')).to.deep.equal([]);
    expect(await list('file')).to.deep.equal([]);
    expect(await list('loop').catch((error: unknown) => error)).to.have.property('code', 'ELOOP');
  });

  it('replaces a file as a whole while another process does', async () => {
    const folder = await tempDir('files');
    const source = new URL('../../../src/io/disk/files.ts', import.meta.url).pathname;
    const write = (text: string): string =>
      `const { writeWhole } = await import(${JSON.stringify(source)});
      for (let nth = 0; nth < 300; nth++) await writeWhole(${JSON.stringify(join(folder, 'page'))}, ${JSON.stringify(text)}.repeat(5000));`;
    const start = (text: string) =>
      execa(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', write(text)]);
    await Promise.all([start('a'), start('b')]);
    expect(['a'.repeat(5000), 'b'.repeat(5000)]).to.include(await readFile(join(folder, 'page'), 'utf8'));
    expect(await readdir(folder)).to.eql(['page']);
  });
});
