import { join } from 'node:path';
import { expect } from 'chai';
import { openJournals } from '../../../src/io/artifacts/journals.ts';
import { tempDir } from '../../helpers/temp.ts';

describe('io/workspace/journals', () => {
  it('can be closed after a line that could not be written, because the folder of its run was deleted', async () => {
    const journals = openJournals();
    const gone = join(await tempDir('journals'), 'gone');
    const line = { event: 'cancelled', at: new Date().toISOString() } as const;
    const refused: unknown = await journals.append(gone, line).catch((error: unknown) => error);
    expect(refused).to.include({ code: 'ENOENT' });
    await journals.close();
  });
});
