import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { execa } from 'execa';
import { readText } from '../../src/io/disk/files.ts';
import { bootId, groupMembers } from '../../src/io/host/process-facts.ts';
import { findTool, isAlive, startTool, stopTool } from '../../src/io/tool/tool-process.ts';
import { inPool, seeded } from '../helpers/crash.ts';
import { bundle, type Edit, repository } from '../helpers/product.ts';
import { tempDir, waitFor } from '../helpers/temp.ts';

const startAndDie = join(repository, 'test/fixtures/crash/start-and-die.ts');
const leaderOf = async (dir: string): Promise<number> => Number(await readFile(join(dir, 'started'), 'utf8'));
const ready = (dir: string): Promise<unknown> =>
  waitFor('the tool', async () => ((await readText(join(dir, 'log.txt'))) ?? '').includes('ready'));
const start = async (script: string) => {
  const dir = join(await tempDir('case'), 'attempt');
  return { dir, tool: await startTool({ dir, argv: ['sh', '-c', script], env: {}, cwd: '/' }) };
};

describe('the case table of the tool wrapper', () => {
  it('grandchild ignores TERM: killed with its group, no exit code', async () => {
    const { dir, tool } = await start('sh -c \'trap "" TERM; echo ready; while :; do sleep 1; done\' & wait');
    await ready(dir);
    const leader = await leaderOf(dir);
    await tool.stop();
    expect(await isAlive(dir)).to.equal(false);
    expect(await groupMembers(leader)).to.eql([]);
    // TERM ended the tool itself, so the wrapper may have told that before the KILL.
    expect((await tool.ended).code).to.be.oneOf([null, 143]);
  });

  it('wrapper killed: its code can never be known, so the tool is ended', async () => {
    const { dir, tool } = await start('echo ready; sleep 1000');
    await ready(dir);
    const leader = await leaderOf(dir);
    process.kill(leader, 'SIGKILL');
    expect(await tool.ended).to.eql({ code: null });
    expect(await groupMembers(leader)).to.eql([]);
    expect(await isAlive(dir)).to.equal(false);
  });

  it('a child in a session of its own: still alive, so the attempt is not over before it is gone', async () => {
    const straggler = 'import os, time; os.setsid(); print("ready", os.getpid(), flush=True); time.sleep(1000)';
    const { dir, tool } = await start(`python3 -c '${straggler}' & wait`);
    await ready(dir);
    const pid = Number(/ready (\d+)/.exec(await readFile(join(dir, 'log.txt'), 'utf8'))?.[1]);
    await tool.stop();
    expect(await groupMembers(await leaderOf(dir))).to.eql([]);
    expect(await isAlive(dir)).to.equal(true);
    let over = false;
    void tool.ended.then(() => {
      over = true;
    });
    // Somebody who comes later waits as well; neither starts anything beside it.
    const later = await findTool(dir);
    expect([over, later === null]).to.eql([false, false]);
    process.kill(pid, 'SIGKILL');
    expect((await later?.ended)?.code).to.be.oneOf([null, 143]);
    await tool.ended;
  });
});

describe('killed right after the spawn', () => {
  const slow: Edit = {
    file: 'src/io/tool/wrap.sh',
    find: '{ echo $$',
    replace: 'sleep 0.0$(($$ % 5))5; { echo $$',
  };
  for (const [name, edits] of [
    ['as it is', []],
    ['with a wider window', [slow]],
  ] as const)
    it(`50 times, ${name}: the tool runs once, there or in the next attempt`, async () => {
      const program = await bundle(startAndDie, edits);
      const folder = await tempDir('spawn');
      const random = seeded(50);
      const rounds = Array.from({ length: 50 }, (_, round) => ({ round, delay: edits.length * random() * 60 }));
      const found = await Promise.all(
        inPool(rounds, 3, async ({ round, delay }) => {
          const [first, second] = [join(folder, `${round}`, 'a1'), join(folder, `${round}`, 'a2')];
          const noted = join(folder, `ran.${round}`);
          const argv = ['sh', '-c', `echo $$ >>'${noted}'; sleep 0.02`];
          const { stdout } = await execa('node', [program, first, `${delay}`, ...argv], { reject: false });
          const before = await findTool(first);
          const code = (await before?.ended)?.code ?? null;
          if (code === null) await (await startTool({ dir: second, argv, env: {}, cwd: '/' })).ended;
          await waitFor('the end of the first wrapper', async () => (await groupMembers(Number(stdout))).length === 0);
          return { code, starts: (await readFile(noted, 'utf8')).trim().split('\n').length };
        }),
      );
      expect(found.map(({ starts }) => starts)).to.eql(rounds.map(() => 1));
      const adopted = found.filter(({ code }) => code === 0).length;
      console.log(`      ${adopted} adopted, ${50 - adopted} revoked and started anew, 0 twice`);
    });
});

describe('a `started` that is empty', () => {
  const begun = async () => {
    const dir = await tempDir('started');
    await execa('mkfifo', [join(dir, 'alive')]);
    const command = { nonce: `pbx-${'0'.repeat(24)}`, argv: ['true'], boot: await bootId() };
    await writeFile(join(dir, 'command.json'), JSON.stringify(command));
    await writeFile(join(dir, 'started'), '');
    return dir;
  };

  it('is waited for as long as its wrapper lives, which is about to write its pid', async () => {
    const dir = await begun();
    const wrapper = await open(join(dir, 'alive'), 'r+');
    const found = findTool(dir);
    expect(await Promise.race([found, delay(100, 'waits')])).to.equal('waits');
    await writeFile(join(dir, 'started'), '4711');
    expect((await found)?.pid).to.equal(4711);
    await wrapper.close();
    await (await found)?.ended;
  });

  it('was left by a process that died there if no process holds the fifo: the tool never starts', async () => {
    const found = await findTool(await begun());
    expect([found?.pid, await found?.ended]).to.eql([null, { code: null }]);
  });
});

/** A process that notes every signal it gets, in a group of its own. */
async function bystander(dir: string, args: readonly string[], stdio: 'ignore' | number): Promise<ChildProcess> {
  const noted = join(dir, 'signals');
  const script = `trap 'echo TERM >>"${noted}"' TERM; trap 'echo HUP >>"${noted}"' HUP; echo >"${dir}/up"; while :; do sleep 0.05; done`;
  const child = spawn('sh', ['-c', script, ...args], { detached: true, stdio: ['ignore', stdio, 'ignore'] });
  await waitFor('the bystander', () => readText(join(dir, 'up')));
  return child;
}

describe('forged records', () => {
  it('50 of 50 send no signal', async () => {
    const random = seeded(1);
    const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T;
    for (let round = 0; round < 50; round++) {
      const dir = await tempDir('forged');
      await execa('mkfifo', [join(dir, 'alive')]);
      const reader = await open(join(dir, 'alive'), 'r+');
      const extra = pick([[], ['name', ''], ['name', 'pbx-', 'x']]);
      const holds = pick(['ignore', reader.fd] as const);
      const victim = await bystander(dir, extra, holds);
      const started = pick([
        `${victim.pid}`,
        `${victim.pid}\n`,
        `-${victim.pid}`,
        '1',
        '0',
        '',
        'abc',
        `${process.pid}`,
      ]);
      const argv = pick([[], [''], ['sleep'], ['0.05'], ['5'], ['sh', '-c']]);
      const nonce = pick(['', 'pbx-', 'sh', '-c', `pbx-${'0'.repeat(24)}`]);
      await writeFile(join(dir, 'command.json'), JSON.stringify({ nonce, argv, boot: await bootId() }));
      await writeFile(join(dir, 'started'), started);
      const told = `${JSON.stringify({ started, argv, nonce, extra, holds })}`;
      try {
        await stopTool(dir).catch(() => undefined); // a record that is none is refused
        expect(await readText(join(dir, 'signals')), told).to.equal(null);
        expect([victim.exitCode, victim.signalCode], told).to.eql([null, null]);
      } finally {
        // Red as well, as it is without the identity check: nobody else would end it.
        if (victim.exitCode === null && victim.signalCode === null) {
          process.kill(-(victim.pid ?? 0), 'SIGKILL');
          await once(victim, 'exit');
        }
        await reader.close();
      }
    }
  });

  it('nor one whose leader is gone while others live in a group of that number', async () => {
    for (const argv of [[], [''], ['0'], ['1000']]) {
      const dir = await tempDir('forged');
      await execa('mkfifo', [join(dir, 'alive')]);
      const reader = await open(join(dir, 'alive'), 'r+');
      const leader = spawn('sh', ['-c', 'sleep 1000 & echo $!'], {
        detached: true,
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      const [chunk] = await once(leader.stdout, 'data');
      await once(leader, 'exit');
      await writeFile(
        join(dir, 'command.json'),
        JSON.stringify({ nonce: `pbx-${'0'.repeat(24)}`, argv, boot: await bootId() }),
      );
      await writeFile(join(dir, 'started'), `${leader.pid}`);
      await stopTool(dir).catch(() => undefined);
      expect(await groupMembers(leader.pid ?? 0), JSON.stringify(argv)).to.eql([Number(String(chunk))]);
      process.kill(Number(String(chunk)), 'SIGKILL');
      await reader.close();
    }
  });
});
