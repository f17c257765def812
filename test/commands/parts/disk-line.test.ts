import { rm } from 'node:fs/promises';
import { expect } from 'chai';
import { diskLine, reservation } from '../../../src/commands/parts/status-runs.ts';
import { readStatus, statusText } from '../../../src/commands/status.ts';
import { openWorkspace } from '../../../src/io/workspace/workspace.ts';
import { tempDir } from '../../helpers/temp.ts';

describe('commands/status: the disk', () => {
  it('is one line for people, with what stages have reserved, also where artifacts/ is not there yet', async () => {
    const workspace = await openWorkspace(await tempDir('disk'), 'create');
    await rm(workspace.artifacts, { recursive: true });
    expect(await diskLine(workspace, ['train of p-s0 has reserved 1.2 GB'])).to.match(
      /^disk: \d[\d.]* \w+ free; phasebox never uses the last 10 GB of it; train of p-s0 has reserved 1\.2 GB$/,
    );
    const { status, ...forPeople } = await readStatus(workspace);
    expect(statusText(status, forPeople)).to.match(/^disk: [^\n;]* free; phasebox never uses the last [^\n;]* of it$/m);
    expect(Object.keys(status)).to.eql(['up', 'paused', 'broker', 'inbox', 'rejected', 'runs', 'night', 'warnings']);
  });

  it('takes what is reserved from the journal, of the attempt that runs', () => {
    const reserved = { event: 'reserved', at: '2026-11-22T01:00:00.000Z', stage: 'train' } as const;
    const journal = [
      { ...reserved, attempt: 1, bytes: 1024 },
      { ...reserved, attempt: 2, bytes: 5 * 2 ** 30 },
    ];
    const status = { run: 'p-s0', state: 'running', stage: 'train', attempt: 2 } as const;
    expect(reservation({ journal }, status)).to.equal('train of p-s0 has reserved 5.0 GB');
    expect(reservation({ journal }, { ...status, attempt: 3 }), 'not yet').to.equal(null);
    expect(reservation({ journal }, { ...status, state: 'retrying' }), 'it runs no more').to.equal(null);
    expect(reservation({ journal: [{ ...reserved, attempt: 2, bytes: null }] }, status), 'not known').to.equal(null);
  });
});
