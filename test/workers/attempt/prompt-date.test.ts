import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { asStageError, catalogue } from '../../../src/core/errors.ts';
import type { StoredRun } from '../../../src/io/artifacts/run-store.ts';
import { promptDateOf } from '../../../src/workers/attempt/serve-model.ts';
import { plan } from '../../helpers/runs.ts';
import { makeWorkspace, shelveRun } from '../../helpers/stored.ts';

const record = {
  ...{ version: 1, phase: 'p', accepted: '2025-12-24T23:59:00.000Z', file: 'p.yaml', config: {} },
  ...{ criteria_sha256: '', runs: [] },
};

describe('the date that chat templates read', () => {
  let stored: StoredRun;
  let path: string;
  let warned: string[];
  const date = (from: StoredRun = stored): Promise<string> => promptDateOf(from, (text) => void warned.push(text));

  beforeEach(async () => {
    const run = plan({ accepted: '2026-01-01T00:00:00.000Z' });
    const folder = await shelveRun(await makeWorkspace(), run);
    stored = { folder, run };
    path = join(dirname(folder), 'phase.json');
    warned = [];
  });

  it('is that of the first acceptance of the phase, or of the run where a crash left no phase.json', async () => {
    expect(await date()).to.equal('2026-01-01');
    await writeFile(path, JSON.stringify(record));
    expect([await date(), warned]).to.eql(['2025-12-24', []]);
  });

  it('is that of the run, with a warning, where phase.json is damaged', async () => {
    for (const damage of ['', '{"version": 1', '{}']) {
      warned = [];
      await writeFile(path, damage);
      expect(await date(), damage).to.equal('2026-01-01');
      expect(warned.join(), damage).to.contain(path).and.contain('2026-01-01');
    }
    await rm(path);
    await mkdir(path);
    expect([await date(), warned.length]).to.eql(['2026-01-01', 2]);
  });

  it('is no other one because the system fails: the stage fails, and is tried again', async () => {
    const folder = join(dirname(dirname(stored.folder)), 'x'.repeat(300), 'p-s0');
    const error = await date({ ...stored, folder }).then(
      (other) => other,
      (thrown: unknown) => thrown,
    );
    expect(error).to.include({ code: 'ENAMETOOLONG' });
    expect(warned).to.eql([]);
    for (const code of ['EIO', 'EMFILE', 'ENFILE', 'ESTALE']) {
      const failed = asStageError(Object.assign(new Error(`${code}: open`), { code, syscall: 'open' }));
      expect([failed.code, catalogue[failed.code].retry], code).to.eql(['SYSTEM_ERROR', 'transient']);
    }
  });
});
