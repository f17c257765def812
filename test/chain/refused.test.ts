import { chmod, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { expect } from 'chai';
import { execa } from 'execa';
import { type Chain, config, makeChain } from '../helpers/chain.ts';
import { tempDir } from '../helpers/temp.ts';

const command = resolve('dist/phasebox.js');
const nobody = 65_534;
const isRoot = process.getuid?.() === 0;

/** Nobody may come to this clone: then there is no other user to try it with. */
async function isReachable(path: string): Promise<boolean> {
  if (path === dirname(path)) return true;
  return ((await stat(path)).mode & 0o005) === 0o005 && isReachable(dirname(path));
}

describe('a workspace that a command may not write', () => {
  let chain: Chain;
  let home: string;
  let ids: { uid?: number; gid?: number } = {};

  /** As another user than the one the workspace belongs to; as ourselves where we cannot be another. */
  const run = async (...args: readonly string[]) => {
    const argv = [command, '--workspace', chain.root, ...args];
    const env = { HOME: home, STAND_IN_FOLDER: home, STAND_IN_PYTHON: 'python3', NODE_OPTIONS: '', PYTHONUTF8: '' };
    const { exitCode, stdout, stderr } = await execa(process.execPath, argv, { ...ids, env, cwd: '/', reject: false });
    return { code: exitCode, out: stdout, err: stderr };
  };

  before(async function () {
    if (isRoot && !(await isReachable(resolve('.')))) this.skip();
    if (isRoot) ids = { uid: nobody, gid: nobody };
    home = await tempDir('home');
    await chmod(home, 0o777);
    chain = await makeChain();
    await chmod(chain.root, 0o755);
    await chain.write('a.yaml', config('a'));
    expect((await chain.phasebox('init')).code).to.equal(0);
    if (!isRoot)
      for (const name of ['inbox', 'artifacts', '.phasebox', '.phasebox/log', '.'])
        await chmod(join(chain.root, name), 0o555);
  });
  after(async () => {
    if (chain === undefined) return;
    if (!isRoot)
      for (const name of ['.', 'inbox', 'artifacts', '.phasebox', '.phasebox/log'])
        await chmod(join(chain.root, name), 0o755);
    await chain.remove();
  });

  it('is named with its owner and what to do by every command that writes, exit 3, no stack', async () => {
    const todo = isRoot
      ? new RegExp(
          `belongs to root, as after a command with sudo\\. Take it back: sudo chown -R "\\$\\(id -un\\)" ${chain.root}$`,
        )
      : /is yours, but its permissions forbid it: chmod -R u\+rwX \S+$/;
    const commands: readonly (readonly [string, ...string[]])[] = [
      ['up', '--once', '--no-dashboard'],
      ['up', '--detach'],
      ['report'],
      ['pause'],
      ['resume'],
      ['submit', join(chain.root, 'a.yaml')],
      ['init', join(chain.root, 'new')],
    ];
    const ended = await Promise.all(commands.map((argv) => run(...argv)));
    for (const [index, argv] of commands.entries()) {
      const { code, err } = ended[index]!;
      expect(code, `${argv.join(' ')}: ${err}`).to.equal(3);
      expect(err, argv.join(' '))
        .to.match(todo)
        .and.match(new RegExp(`^${chain.root}\\S*: (listen )?EACCES: permission denied`, 'm'));
      expect(err, argv.join(' ')).to.not.match(/phasebox itself failed|^ +at /m);
    }
  });

  it('can still be looked at', async () => {
    const [status, ...others] = await Promise.all([run('status'), run('gc'), run('doctor')]);
    expect(status).to.deep.include({ code: 0, err: '' });
    for (const { err } of others) expect(err).to.not.match(/phasebox itself failed|^ +at /m);
  });

  it("counts another user's `up` as alive only as long as its process is there, and says who can stop it", async function () {
    if (!isRoot) this.skip();
    const socket = join(chain.root, '.phasebox/s.1');
    const server = createServer().listen(socket);
    await chmod(socket, 0o700).catch(() => undefined); // it may not be there yet; nobody has no rights to it either way
    const claim = (pid: number) => writeFile(join(chain.root, '.phasebox/up.7'), JSON.stringify({ socket, pid }));
    try {
      await claim(2 ** 22 + 1);
      expect((await run('status')).out).to.contain('phasebox is not up');
      expect((await run('stop')).out).to.contain('nothing to stop');
      await claim(process.pid);
      expect((await run('status')).out).to.contain('phasebox is up');
      const stopped = await run('stop');
      expect(stopped.code).to.equal(3);
      expect(stopped.err).to.equal(
        `phasebox (pid ${process.pid}) runs as another user. Stop it as that user: sudo kill ${process.pid}`,
      );
    } finally {
      server.close();
      await rm(join(chain.root, '.phasebox/up.7'));
    }
  });
});
