import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { logTail } from '../../../src/io/tool/follow-log.ts';
import { tempDir } from '../../helpers/temp.ts';

describe('io/tool/follow-log', () => {
  it('keeps the last lines of a log, of each its first 2,000 characters, and no progress bars', async () => {
    const log = join(await tempDir('log'), 'log.txt');
    const just = 'j'.repeat(2000);
    await writeFile(log, `gone\nfirst\n${'l'.repeat(140_000)}\n 50%|#####     | 5/10\n${just}\n`);
    const lines = await logTail(log, 3);
    expect(lines).to.deep.equal(['first', `${'l'.repeat(1999)}…`, just]);
  });

  it('has nothing of a log that is not there', async () => {
    expect(await logTail(join(await tempDir('log'), 'log.txt'), 3)).to.deep.equal([]);
  });
});
