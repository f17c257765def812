import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { execa } from 'execa';
import { StageError } from '../../../src/core/errors.ts';
import { acquireMachine, askMachine, type MachineClaim, machineHolder } from '../../../src/io/claim/machine-slot.ts';
import { isAlive, startTool } from '../../../src/io/tool/tool-process.ts';
import { tempDir, waitFor } from '../../helpers/temp.ts';

const taker = fileURLToPath(new URL('../../fixtures/take-machine.ts', import.meta.url));
const children: ChildProcess[] = [];
let before: string | undefined;
let folder: string;

const claim = (name: string, over: Partial<MachineClaim> = {}): MachineClaim => ({
  ...{ dir: join(folder, name), what: `train of ${name}`, workspace: folder, server: false },
  ...over,
});

function start(rounds: number): ChildProcess {
  const child = fork(taker, [folder, String(rounds)], { stdio: 'ignore' });
  children.push(child);
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

/** A process that has the machine, and its tool's folder. */
async function holder(): Promise<{ child: ChildProcess; dir: string }> {
  const child = start(0);
  const [dir] = await once(child, 'message');
  return { child, dir: String(dir) };
}

const kindOf = async (wanted: MachineClaim): Promise<string> => {
  const asked = await askMachine(wanted);
  if (asked.kind === 'ours') await asked.slot.release();
  return asked.kind;
};

describe('the machine slot', () => {
  beforeEach(async () => {
    folder = await tempDir('slot');
    before = process.env.PHASEBOX_SLOT_DIR;
    process.env.PHASEBOX_SLOT_DIR = join(folder, 'slot');
  });
  afterEach(async () => {
    process.env.PHASEBOX_SLOT_DIR = before;
    for (const child of children.splice(0)) await end(child);
  });

  it('leaves no socket open when its claim cannot be written', async () => {
    const source = new URL('../../../src/io/claim/machine-slot.ts', import.meta.url).pathname;
    const ask = `const { askMachine } = await import(${JSON.stringify(source)});
      await askMachine(${JSON.stringify(claim('a'))}).then(() => console.log('no error'), (error) => console.log(error.code));
      console.log((await import('node:fs')).readdirSync(process.env.PHASEBOX_SLOT_DIR).filter((name) => name.startsWith('s.')).length);`;
    const node = [process.execPath, '--import', 'tsx', '--input-type=module', '-e', ask];
    // no file may grow: as on a full disk
    const { stdout } = await execa('sh', ['-c', 'trap "" XFSZ; ulimit -f 0; exec "$@"', 'sh', ...node]);
    expect(stdout.split('\n')).to.eql(['EFBIG', '0']);
  });

  it('has one holder at a time, however many race for it', async () => {
    const racers = Array.from({ length: 3 }, () => start(20));
    const intruded = await Promise.all(racers.map(async (racer) => (await once(racer, 'message'))[0]));
    expect(intruded).to.eql([0, 0, 0]);
    expect((await readdir(join(folder, 'slot'))).length, 'nothing piles up').to.be.lessThan(4);
  });

  it('is waited for, with the name of who has it, once, and comes when it is released', async () => {
    const first = await askMachine(claim('a'));
    const said: string[] = [];
    const options = { signal: new AbortController().signal, onWait: (text: string) => void said.push(text) };
    const second = acquireMachine(claim('b'), options);
    await waitFor('a word about the holder', () => said.length > 0);
    expect(await machineHolder()).to.include({ what: 'train of a', pid: process.pid });
    if (first.kind === 'ours') await first.slot.release();
    const slot = await second;
    expect(said).to.eql([`waits for the machine: train of a in ${folder}, pid ${process.pid}`]);
    await slot.release();
    expect(await machineHolder()).to.equal(null);
  });

  it('stops waiting on its signal', async () => {
    const first = await askMachine(claim('a'));
    const stop = new AbortController();
    const waiting = acquireMachine(claim('b'), { signal: stop.signal, onWait: () => stop.abort() });
    const error = await waiting.then(
      () => null,
      (thrown: unknown) => thrown,
    );
    expect(error).to.be.instanceOf(StageError).and.to.include({ code: 'STOPPED' });
    if (first.kind === 'ours') await first.slot.release();
  });

  it('stays taken by a tool whose starter was killed, can be resumed for it, and is free when it ends', async () => {
    const { child, dir } = await holder();
    expect(await kindOf(claim('b'))).to.equal('taken');
    const tool = await startTool({ dir, argv: ['sleep', '600'], env: {}, cwd: folder });
    await waitFor('the tool', async () => (await isAlive(dir)) && (await readdir(dir)).includes('started'));
    await end(child);
    expect(await kindOf(claim('b'))).to.equal('taken');
    expect((await machineHolder())?.pid, 'the tool itself').to.equal(tool.pid);
    const again = await askMachine(claim('x', { dir }));
    expect(again.kind).to.equal('ours');
    if (again.kind === 'ours') await again.slot.release();
    expect(await kindOf(claim('b')), 'the tool still runs').to.equal('taken');
    await tool.stop();
    await tool.ended;
    expect(await kindOf(claim('b'))).to.equal('ours');
  });

  it('is free when its holder was killed before its tool ran, which then never runs', async () => {
    const { child, dir } = await holder();
    await mkdir(dir);
    await writeFile(join(dir, 'command.json'), JSON.stringify({ nonce: 'pbx-1', argv: ['x'], boot: 'x' }));
    await end(child);
    expect(await kindOf(claim('b'))).to.equal('ours');
    expect(await readdir(dir), 'the wrapper comes too late').to.include('started');
  });

  it('ends a server without a client left', async () => {
    const server = claim('server', { server: true });
    // Before its program runs, SIGTERM reaches only the wrapper, which ignores it.
    const argv = ['sh', '-c', ': >serves; exec sleep 600'];
    const tool = await startTool({ dir: server.dir, argv, env: {}, cwd: folder });
    await waitFor('the server', async () => (await readdir(folder)).includes('serves'));
    const asked = await askMachine(server);
    if (asked.kind === 'ours') await asked.slot.release();
    expect(await kindOf(claim('b'))).to.equal('ours');
    expect((await tool.ended).code).to.equal(143);
  });

  it('reads what a power cut left as free, and works where paths are too long for a socket', async () => {
    process.env.PHASEBOX_SLOT_DIR = join(folder, 'x'.repeat(120));
    await mkdir(process.env.PHASEBOX_SLOT_DIR);
    for (const [name, text] of Object.entries({ 'slot.7': '', 'slot.8': '{"dir": "/tm' }))
      await writeFile(join(process.env.PHASEBOX_SLOT_DIR, name), text);
    const first = await askMachine(claim('a'));
    expect(first.kind).to.equal('ours');
    expect(await kindOf(claim('b'))).to.equal('taken');
    if (first.kind === 'ours') await first.slot.release();
    expect((await readdir(process.env.PHASEBOX_SLOT_DIR)).sort()).to.eql(['slot.9', 'sockets']);
  });
});
