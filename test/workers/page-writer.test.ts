import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { pino } from 'pino';
import { openWorkspace } from '../../src/io/workspace/workspace.ts';
import { openPageWriter } from '../../src/workers/page-writer.ts';
import { tempDir, waitFor } from '../helpers/temp.ts';

describe('the pages behind the rows', () => {
  it('that cannot be written are told of once on the terminal, and written when they can be', async () => {
    const root = await tempDir('pages');
    await writeFile(join(root, 'phasebox.yaml'), '');
    const workspace = await openWorkspace(root, { create: true });
    const page = join(workspace.artifacts, 'COMPARISON.md');
    await mkdir(page, { recursive: true });
    const told: string[] = [];
    const notice = ({ text }: { readonly text: string }): void => void told.push(text);
    const writer = openPageWriter({ workspace, log: pino({ level: 'silent' }), notice });
    writer.changed('43a');
    await waitFor('being told', () => told.length > 0);
    writer.changed('43b');
    await rm(page, { recursive: true });
    await writer.close();
    expect(told).to.have.length(1);
    expect(told[0]).to.match(
      /^the comparison could not be written; it is tried again, also by `phasebox report`. .*COMPARISON\.md cannot be read: it is not a regular file/s,
    );
  });
});
