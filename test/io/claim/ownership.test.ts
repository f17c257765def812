import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { claimWorkspace, findUp, ownerOf, understandsUs } from '../../../src/io/claim/ownership.ts';
import { sendRequest } from '../../../src/io/claim/requests.ts';
import { tempDir, waitFor } from '../../helpers/temp.ts';

const claimer = fileURLToPath(new URL('../../fixtures/claim.ts', import.meta.url));

interface Racer {
  readonly child: ChildProcess;
  readonly result: string;
}

async function race(state: string): Promise<Racer> {
  const child = fork(claimer, [state], { stdio: 'ignore' });
  const [result] = await once(child, 'message');
  return { child, result: String(result) };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

describe('ownership of a workspace', () => {
  it('is asked by requests, and never by a look', async () => {
    const state = await tempDir('asked');
    const claim = await claimWorkspace(state);
    if (claim.kind !== 'owned') throw new Error('nobody else is there');
    let asked = 0;
    claim.ownership.requests.handle(async () => {
      asked += 1;
      return { kind: 'outcomes', outcomes: [] };
    });
    for (let looks = 0; looks < 5; looks++) await ownerOf(state);
    const owner = await findUp(state);
    expect(owner).to.include({ pid: process.pid, moment: false });
    expect(owner && understandsUs(owner)).to.equal(true);
    await sendRequest(owner?.socket ?? '', { kind: 'stop' });
    expect(asked).to.equal(1);
    await claim.ownership.release();
    expect(await findUp(state)).to.equal(null);
  });

  it('belongs to one, who is named to the second; released, it is free', async () => {
    const state = await tempDir('own');
    const first = await claimWorkspace(state);
    if (first.kind !== 'owned') throw new Error('nobody else is there');
    expect(await ownerOf(state)).to.equal(process.pid);
    const second = await race(state);
    expect(second.result).to.equal(`taken ${process.pid}`);
    await end(second.child);
    await first.ownership.release();
    expect(await ownerOf(state)).to.equal(null);
  });

  it('is free again after a SIGKILL of its owner, with nothing to clear by hand', async () => {
    const state = await tempDir('own');
    for (let round = 0; round < 3; round++) {
      const racers = await Promise.all(Array.from({ length: 4 }, () => race(state)));
      const owners = racers.filter(({ result }) => result === 'owned');
      expect(owners.length, racers.map(({ result }) => result).join(', ')).to.equal(1);
      for (const { child } of racers) await end(child);
      await waitFor('the owner to be gone', async () => (await ownerOf(state)) === null);
    }
    expect((await readdir(state)).filter((name) => name.startsWith('up.')).length).to.be.lessThan(3);
  });

  it('may be a moment for a command: no `up` is reported, and no other takes it meanwhile', async () => {
    const state = await tempDir('own');
    const claim = await claimWorkspace(state, true);
    if (claim.kind !== 'owned') throw new Error('nobody else is there');
    expect(await ownerOf(state)).to.equal(null);
    const second = await race(state);
    expect(second.result).to.equal(`taken ${process.pid}`);
    await end(second.child);
    await claim.ownership.release();
  });

  it('is free when a power cut left an empty or torn claim', async () => {
    const state = await tempDir('own');
    await writeFile(join(state, 'up.3'), '');
    await writeFile(join(state, 'up.4'), '{"socket": "/tm');
    expect(await ownerOf(state)).to.equal(null);
    const claim = await claimWorkspace(state);
    expect(claim.kind).to.equal('owned');
    if (claim.kind === 'owned') await claim.ownership.release();
  });

  it('whose claim is deleted or damaged is claimed again by its owner; one that lost to another owner says so', async () => {
    const state = await tempDir('own');
    const claim = await claimWorkspace(state);
    if (claim.kind !== 'owned') throw new Error('nobody else is there');
    let lost = 0;
    claim.ownership.onLost(() => {
      lost += 1;
    });
    await rm(join(state, 'up.1'));
    await waitFor('the claim', async () => (await ownerOf(state)) === process.pid);
    await writeFile(join(state, 'up.1'), 'x');
    await waitFor('the claim', async () => (await ownerOf(state)) === process.pid);
    expect(lost).to.equal(0);
    await writeFile(join(state, 'up.2'), await readFile(join(state, 'up.1')));
    await waitFor('the loss', () => lost === 1);
    await claim.ownership.release();
  });

  it('of another machine is never taken over, unless it was released there', async () => {
    const state = await tempDir('own');
    const claim = { socket: join(state, 's.gone'), pid: 4711, machine: 'another', host: 'studio.local' };
    await writeFile(join(state, 'up.1'), JSON.stringify(claim));
    const refused: unknown = await claimWorkspace(state).catch((error: unknown) => error);
    expect(refused).to.include({ exitCode: 3 });
    expect(String(refused)).to.match(/phasebox on studio\.local \(pid 4711\) owns this workspace.*delete .*up\.1 and/);
    expect((await readdir(state)).filter((name) => /^(up|claim)\./.test(name))).to.eql(['up.1']);
    await writeFile(join(state, 'up.1'), JSON.stringify({ ...claim, released: true }));
    const ours = await claimWorkspace(state);
    if (ours.kind !== 'owned') throw new Error('nobody else is there');
    await ours.ownership.release();
    const left = JSON.parse(await readFile(join(state, 'up.2'), 'utf8'));
    expect(left).to.include({ released: true, pid: process.pid }).and.to.include.keys('machine', 'host');
  });

  it('works where the path is too long for a socket', async () => {
    const state = join(await tempDir('own'), 'x'.repeat(120));
    await mkdir(state);
    const claim = await claimWorkspace(state);
    expect(claim.kind).to.equal('owned');
    expect(await ownerOf(state)).to.equal(process.pid);
    if (claim.kind === 'owned') await claim.ownership.release();
  });
});
