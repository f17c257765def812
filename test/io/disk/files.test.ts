import { readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
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
});
