import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { openServerLog } from '../../../src/io/server/server-child.ts';
import { stageErrorOf } from '../../helpers/real-stage.ts';
import { tempDir } from '../../helpers/temp.ts';

const swallowed = '2026 - WARNING - Failed to parse tool call (ValueError: x)\n';

describe('io/server-log', () => {
  it('looks at every line once it is whole, from where it was opened on, also asked many times at once', async () => {
    const path = join(await tempDir('log'), 'log.txt');
    await appendFile(path, swallowed);
    const log = await openServerLog(path);
    await appendFile(path, 'GET /health é\n'.repeat(100));
    // No UTF-8: bytes are counted, not what they are shown as.
    await appendFile(path, Buffer.from([0xff, 0xfe, 0x0a]));
    await Promise.all(Array.from({ length: 8 }, () => log.check()));
    await appendFile(path, swallowed.slice(0, 30));
    await log.check();
    await appendFile(path, swallowed.slice(30));
    expect((await stageErrorOf(log.check())).code).to.equal('CALL_SWALLOWED');
    expect(await log.text()).to.match(/^GET \/health é/);
  });

  it('is empty while there is no log', async () => {
    const log = await openServerLog(join(await tempDir('log'), 'log.txt'));
    await log.check();
    expect(await log.text()).to.equal('');
  });
});
