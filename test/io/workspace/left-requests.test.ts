import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { leftRequests } from '../../../src/io/workspace/state-files.ts';
import { tempDir } from '../../helpers/temp.ts';

describe('io/workspace/left-requests', () => {
  it('reads what commands of 0.2 left, in order; a folder or a link that is named like a request stays', async () => {
    const state = await tempDir('requests');
    const folder = join(state, 'requests');
    const strange = ['0000000000000001.1-cancel.json', '0000000000000002.2-stop.json', 'old'];
    for (const name of strange) await mkdir(join(folder, name), { recursive: true });
    await symlink('/dev/zero', join(folder, '0000000000000003.3-stop.json'));
    await writeFile(join(folder, '0000000000000005.5-pause.json'), '{"kind":"pause","target":null}\n');
    await writeFile(join(folder, '0000000000000004.4-cancel.json'), '{"kind":"cancel","target":"p"}\n');
    await writeFile(join(folder, '0000000000000006.6-cancel.json'), 'not JSON');
    await writeFile(join(folder, '0000000000000003.3-stop.answer'), '{"outcomes":[]}');
    const left = await leftRequests(state);
    expect(left.requests).to.eql([
      { kind: 'cancel', target: 'p' },
      { kind: 'pause', target: null },
    ]);
    expect(left.unknown).to.eql(['0000000000000006.6-cancel.json']);
    await left.remove();
    expect((await readdir(folder)).sort()).to.eql([...strange, '0000000000000003.3-stop.json'].sort());
    expect((await leftRequests(await tempDir('none'))).requests).to.eql([]);
  });
});
