import { mkdir, readdir, symlink, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { finishRequest, pendingRequests, sweepAnswers, writeRequest } from '../../../src/io/workspace/requests.ts';
import { tempDir } from '../../helpers/temp.ts';

describe('io/workspace/requests', () => {
  it('looks at files alone: a folder or a link that is named like a request holds nothing up and stays', async () => {
    const state = await tempDir('requests');
    const folder = join(state, 'requests');
    const names = ['0000000000000001.1-cancel.json', '0000000000000002.2-stop.json', 'old'];
    for (const name of names) await mkdir(join(folder, name), { recursive: true });
    await symlink('/dev/zero', join(folder, '0000000000000003.3-stop.json'));
    for (const name of names) await utimes(join(folder, name), 1, 1);
    const path = await writeRequest(state, { kind: 'pause', target: null });
    expect(await pendingRequests(state)).to.eql([{ path, request: { kind: 'pause', target: null } }]);
    await finishRequest(path, []);
    await sweepAnswers(state);
    expect(await readdir(folder)).to.include.members(names);
  });
});
