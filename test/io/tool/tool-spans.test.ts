import { mkdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { toolSpans } from '../../../src/io/tool/tool-folders.ts';
import { tempDir } from '../../helpers/temp.ts';

const nonce = `pbx-${'0'.repeat(24)}`;

describe('io/tool/tool-spans', () => {
  /** The files of a tool's wrapper, each with the second at which it was written. */
  async function tool(dir: string, files: Record<string, readonly [string, number]>, server = false): Promise<void> {
    await mkdir(dir, { recursive: true });
    await writeFile(join(dir, 'command.json'), JSON.stringify({ nonce, argv: ['x'], boot: '', server }));
    for (const [name, [text, second]] of Object.entries(files)) {
      await writeFile(join(dir, name), text);
      await utimes(join(dir, name), second, second);
    }
  }

  it('reads from `started` to `exit`; the log of a server, and of a tool without `exit`, ends it', async () => {
    const dir = await tempDir('spans');
    await tool(join(dir, 'ended'), { started: ['4711\n', 10], 'log.txt': ['', 15], exit: ['0\n', 20] });
    await tool(join(dir, 'killed'), { started: ['4711\n', 30], 'log.txt': ['', 35] });
    await tool(join(dir, 'deep/server'), { started: ['4711\n', 40], 'log.txt': ['', 50], exit: ['0\n', 9000] }, true);
    await tool(join(dir, 'revoked'), { started: ['revoked', 60] });
    await tool(join(dir, 'unborn'), {});
    expect((await toolSpans(dir)).toSorted((a, b) => a.from - b.from)).to.eql([
      { from: 10_000, to: 20_000 },
      { from: 30_000, to: 35_000 },
      { from: 40_000, to: 50_000 },
    ]);
  });
});
