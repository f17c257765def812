import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { type DiskError, diskErrorText } from '../../../src/core/disk-error-text.ts';
import { diskErrorOf } from '../../../src/io/host/disk-errors.ts';
import { tempDir } from '../../helpers/temp.ts';

const system = (code: string, syscall: string, facts: object = {}): Error =>
  Object.assign(new Error(`${code}: as the system says it, ${syscall} '/w/x'`), { code, syscall, ...facts });
const plain = (word: string): string => word;

describe('what the disk refuses', () => {
  const refusal: DiskError = {
    ...{ code: 'EACCES', syscall: 'open', message: "EACCES: permission denied, open '/w/a b/x'", path: '/w/a b/x' },
    ...{ culprit: { path: '/w/a b', uid: 0 }, uid: 501, root: '/w' },
  };
  const todo = (facts: Partial<DiskError>): string => diskErrorText({ ...refusal, ...facts }, plain).todo;

  it('names the path, the owner of what is in the way and the command that helps', () => {
    const { what, todo: taken } = diskErrorText(refusal, plain);
    expect(what).to.equal('/w/a b/x: EACCES: permission denied, open.');
    expect(taken).to.equal(
      '/w/a b belongs to root, as after a command with sudo. Take it back: sudo chown -R "$(id -un)" /w',
    );
    expect(todo({ culprit: { path: '/w', uid: 502 } }))
      .to.contain('another user (id 502)')
      .and.contain('sudo chown -R');
    expect(todo({ culprit: { path: '/w', uid: 501 } }))
      .to.contain('chmod -R u+rwX /w')
      .and.not.contain('chown');
    expect(todo({ code: 'EPERM', culprit: { path: '/w', uid: 501 } })).to.contain('Privacy & Security');
    expect(todo({ uid: 0 })).to.contain('Even root may not');
    expect(todo({ culprit: null })).to.contain('another folder');
  });

  it('has something to do for every code that is a matter of the disk', () => {
    expect(todo({ code: 'EROFS' }))
      .to.contain('mounted read-only')
      .and.contain('--workspace DIR');
    expect(todo({ code: 'ENOSPC', syscall: 'write' }))
      .to.contain('is full')
      .and.contain('phasebox gc');
    expect(todo({ code: 'ENOSPC', syscall: 'watch' })).to.contain('max_user_watches');
    expect(todo({ code: 'EDQUOT' })).to.contain('quota');
    expect(todo({ code: 'EIO' })).to.contain('reports an error');
    for (const code of ['ENOTDIR', 'EISDIR', 'EEXIST']) expect(todo({ code }), code).to.contain('Move it away');
    for (const code of ['ELOOP', 'ENAMETOOLONG', 'EMFILE', 'ENFILE']) expect(todo({ code }), code).to.not.equal('');
    expect(todo({ code: 'ENOENT', syscall: 'uv_cwd' })).to.contain('current folder is gone');
  });

  it('is distinguished from errors that are not about files', async () => {
    const root = await tempDir('refusals');
    expect(await diskErrorOf(new TypeError('x is not a function'), root)).to.equal(null);
    expect(await diskErrorOf(system('ENOENT', 'open', { path: '/nowhere' }), root)).to.equal(null);
    expect(await diskErrorOf(system('EPERM', 'kill'), root)).to.equal(null);
    expect(await diskErrorOf(system('EACCES', 'listen', { address: '0.0.0.0', port: 80 }), root)).to.equal(null);
    expect(await diskErrorOf('a text', root)).to.equal(null);
  });

  it('looks for what is in the way, and takes the workspace where the system names no path', async () => {
    const root = await tempDir('refusals');
    expect(await diskErrorOf(system('ENOSPC', 'write'), root)).to.deep.include({
      what: `${root}: ENOSPC: as the system says it, write.`,
    });
    const socket = join(root, 's.1');
    const listened = system('EROFS', 'listen', { address: socket });
    expect((await diskErrorOf(listened, root))?.what).to.match(/^\S+s\.1: EROFS/);
    await mkdir(join(root, 'deep'));
    const denied = system('EACCES', 'mkdir', { path: join(root, 'deep/er/still') });
    expect((await diskErrorOf(denied, root))?.todo).to.match(/Even root may not|is yours, but its permissions/);
    await writeFile(join(root, 'file'), '');
    const blocked = await mkdir(join(root, 'file/inbox'), { recursive: true }).catch((error: unknown) => error);
    expect((await diskErrorOf(blocked, root))?.what)
      .to.contain(join(root, 'file'))
      .and.contain('ENOTDIR');
    expect((await diskErrorOf(system('ENOENT', 'uv_cwd'), '.'))?.todo).to.contain('cd ~');
  });
});
