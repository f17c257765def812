import { join } from 'node:path';
import { expect } from 'chai';
import { pino } from 'pino';
import { openOwner } from '../../../src/commands/parts/open-runtime.ts';
import { readRows } from '../../../src/io/artifacts/results-file.ts';
import { upsertRow } from '../../../src/io/artifacts/results-store.ts';
import { openJournal } from '../../../src/io/artifacts/run-folder.ts';
import { acceptConfig } from '../../../src/producers/accept.ts';
import { makeRow } from '../../helpers/rows.ts';
import { acceptInto, freshWorkspace } from '../../producers/setting.ts';

describe('commands/open-runtime', () => {
  it('knows a row of an earlier run by its folder, which has done nothing yet, and moves it away', async () => {
    const workspace = await freshWorkspace();
    const bytes = Buffer.from('phase: a\nseeds: 3\n');
    await acceptConfig({ name: 'a.yaml', acceptedAs: 'a.yaml', bytes }, acceptInto(workspace));
    // Accepted again after its folder was removed, by a version that left the row or by one that was killed.
    for (const run of ['a-s0', 'a-s1', 'gone-s0']) await upsertRow(workspace.artifacts, makeRow({ run }), () => 0);
    const journal = await openJournal(join(workspace.artifacts, 'a', 'a-s1'));
    await journal.append({ event: 'started', at: new Date().toISOString() });
    await journal.close();
    const place = await openOwner({ workspace, log: pino({ enabled: false }), notice: () => undefined });
    expect([...place.rows.keys()]).to.deep.equal(['a-s1']);
    expect((await readRows(workspace.artifacts)).map(({ run }) => run)).to.deep.equal(['a-s1', 'gone-s0']);
    await place.runStore.close();
  });
});
