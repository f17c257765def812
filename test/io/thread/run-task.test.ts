import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { hasCode } from '../../../src/io/disk/files.ts';
import { freshHash } from '../../../src/io/thread/content-hash.ts';
import { runTask } from '../../../src/io/thread/run-task.ts';
import { tempDir } from '../../helpers/temp.ts';

describe('io/thread', () => {
  it('hashes a large file in a thread, to the same value', async () => {
    const path = join(await tempDir(), 'large');
    const bytes = Buffer.alloc(9 * 2 ** 20, 'a');
    await writeFile(path, bytes);
    expect(await freshHash(path)).to.equal(createHash('sha256').update(bytes).digest('hex'));
  });

  it('throws what a task throws, with its code', async () => {
    const error = await runTask('hash', join(await tempDir(), 'none'), null).catch((thrown: unknown) => thrown);
    expect(hasCode(error, 'ENOENT'), String(error)).to.equal(true);
  });
});
