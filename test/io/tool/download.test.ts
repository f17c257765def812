import { getEventListeners } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { download } from '../../../src/io/tool/download.ts';
import { tempDir } from '../../helpers/temp.ts';

describe('io/tool/download', () => {
  it('leaves no listener on the signal of `up`, which outlives a night of tries', async () => {
    const state = await tempDir('download');
    const driver = join(state, 'driver.sh');
    await writeFile(driver, 'echo no network; exit 3\n');
    const { signal } = new AbortController();
    const means = { python: 'sh', driver, state, keepFree: 0, signal, isWanted: async () => true };
    const wanted = { source: 'org/model', revision: null, env: {} };
    const end = await download(wanted, { ...means, onLine: () => undefined });
    expect(end).to.eql({ kind: 'ended', code: 3, tail: ['no network'] });
    expect(getEventListeners(signal, 'abort')).to.eql([]);
  });
});
