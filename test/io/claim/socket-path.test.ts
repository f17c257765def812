import { chmod, mkdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { expect } from 'chai';
import { socketFolder } from '../../../src/io/claim/sockets.ts';
import { tempDir } from '../../helpers/temp.ts';

describe('io/workspace/socket-path', () => {
  let state: string;
  let note: string;
  beforeEach(async () => {
    state = join(await tempDir('sockets'), 'x'.repeat(100), '.phasebox');
    await mkdir(state, { recursive: true });
    note = join(state, 'sockets');
  });
  afterEach(async () => rm(await readFile(note, 'utf8'), { recursive: true, force: true }));

  it('is one private folder in the temp folder of the system for all who ask, made again after a reboot', async () => {
    const [folder, ...others] = await Promise.all([1, 2, 3, 4].map(() => socketFolder(state)));
    expect(new Set([folder, ...others]).size).to.equal(1);
    expect([dirname(folder!), (await stat(folder!)).mode & 0o777]).to.eql([tmpdir(), 0o700]);
    await rm(folder!, { recursive: true });
    expect(await socketFolder(state)).to.equal(folder);
    expect((await stat(folder!)).mode & 0o777).to.equal(0o700);
  });

  it('is another one when what is noted is open to others, a link, or nothing of ours', async () => {
    const open = join(tmpdir(), 'phasebox-zzzzzz');
    const elsewhere = await tempDir('elsewhere');
    await mkdir(open, { mode: 0o755 });
    await chmod(open, 0o777);
    const link = join(tmpdir(), 'phasebox-yyyyyy');
    await symlink(elsewhere, link);
    try {
      for (const noted of [open, link, elsewhere, '/etc', '../up', '']) {
        await writeFile(note, noted);
        const folder = await socketFolder(state);
        expect(folder, noted).to.not.equal(noted);
        expect(basename(folder)).to.match(/^phasebox-/);
        expect(await readFile(note, 'utf8')).to.equal(folder);
        await rm(folder, { recursive: true });
      }
    } finally {
      await Promise.all([rm(open, { recursive: true }), rm(link)]);
    }
  });
});
