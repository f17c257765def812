import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { execa } from 'execa';
import { StageError } from '../../../src/core/errors.ts';
import { bootId, groupMembers } from '../../../src/io/host/process-facts.ts';
import { findTool, isAlive, revokeTool, startTool, stopTool } from '../../../src/io/tool/tool-process.ts';
import { tempDir, waitFor } from '../../helpers/temp.ts';

const start = async (script: string, dir?: string) => {
  const folder = dir ?? join(await tempDir('tool'), 'attempt');
  const tool = await startTool({ dir: folder, argv: ['sh', '-c', script], env: { GREETING: 'hello there' }, cwd: '/' });
  return { folder, tool };
};
const log = (folder: string): Promise<string> => readFile(join(folder, 'log.txt'), 'utf8');
const group = async (folder: string): Promise<readonly number[]> =>
  groupMembers(Number(await readFile(join(folder, 'started'), 'utf8')));

describe('a tool process', () => {
  it('tells its exit code, keeps both outputs in one log, and gets its environment', async () => {
    const { folder, tool } = await start('echo "$GREETING"; echo oops >&2; exit 3');
    expect(await tool.ended).to.deep.equal({ code: 3 });
    expect(await log(folder)).to.equal('hello there\noops\n');
    expect(await isAlive(folder)).to.equal(false);
  });

  it('passes arguments on as they are', async () => {
    const folder = join(await tempDir('tool'), 'attempt');
    const argv = ['printf', '%s|', 'two words', '"quoted"', "it's", '$HOME', '*', ''];
    await (await startTool({ dir: folder, argv, env: {}, cwd: '/' })).ended;
    expect(await log(folder)).to.equal('two words|"quoted"|it\'s|$HOME|*||');
  });

  it('says so when the program is not there', async () => {
    const folder = join(await tempDir('tool'), 'attempt');
    const tool = await startTool({ dir: folder, argv: ['/no/such/program'], env: {}, cwd: '/' });
    expect(await tool.ended).to.deep.equal({ code: 127 });
  });

  it('is an error of its own when the system starts no process: too long an environment, a folder that is gone', async () => {
    const folder = join(await tempDir('tool'), 'attempt');
    const tool = { dir: folder, argv: ['true'], env: {}, cwd: '/' };
    for (const [over, code] of [
      [{ env: { BIG: 'x'.repeat(200_000) } }, 'E2BIG'],
      [{ cwd: join(folder, 'gone') }, 'ENOENT'],
    ] as const) {
      const error = await startTool({ ...tool, ...over }).catch((thrown: unknown) => thrown);
      expect(error).to.be.instanceOf(StageError).and.to.include({ code: 'NOT_STARTED' });
      expect(String(error)).to.contain(code);
    }
  });

  it('ends with its whole group when stopped', async () => {
    const { folder, tool } = await start('sleep 1000 & sleep 1000 & echo ready; wait');
    await waitFor('the tool', async () => (await log(folder).catch(() => '')).includes('ready'));
    expect((await group(folder)).length).to.be.greaterThan(2);
    await tool.stop();
    expect(await tool.ended).to.deep.equal({ code: 143 });
    expect(await group(folder)).to.deep.equal([]);
  });

  it('is killed when it does not listen to TERM', async () => {
    const { folder, tool } = await start('trap "" TERM; echo ready; while :; do sleep 1; done');
    await waitFor('the tool', async () => (await log(folder).catch(() => '')).includes('ready'));
    await tool.stop();
    expect(await tool.ended).to.deep.equal({ code: null });
    expect(await group(folder)).to.deep.equal([]);
  });

  it('is found again by its folder, by someone who did not start it', async () => {
    const { folder } = await start('echo ready; exit 5');
    await waitFor('the tool', async () => (await log(folder).catch(() => '')).includes('ready'));
    const found = await findTool(folder);
    expect(await found?.ended).to.deep.equal({ code: 5 });
    expect(await findTool(join(folder, 'nothing here'))).to.equal(null);
  });

  it('can never start once its start was revoked', async () => {
    const folder = join(await tempDir('tool'), 'attempt');
    await mkdir(folder);
    await writeFile(
      join(folder, 'command.json'),
      JSON.stringify({ nonce: 'pbx-1', argv: ['true'], boot: await bootId() }),
    );
    const found = await findTool(folder);
    expect(await found?.ended).to.deep.equal({ code: null });
    const wrapper = new URL('../../../src/io/tool/wrap.sh', import.meta.url).pathname;
    const late = await execa('sh', [wrapper, 'pbx-1', folder, 'touch', join(folder, 'ran')], { reject: false });
    expect(late.exitCode).to.equal(125);
    expect(await readFile(join(folder, 'ran'), 'utf8').catch(() => 'never')).to.equal('never');
  });

  it('is ended by who found it when its fifo was deleted or replaced: nothing else tells whether it lives', async () => {
    for (const replace of [false, true]) {
      const { folder } = await start('echo begun; sleep 100');
      await waitFor('its start', async () => (await log(folder).catch(() => '')) !== '');
      const members = await group(folder);
      const found = await findTool(folder);
      await rm(join(folder, 'alive'));
      if (replace) await writeFile(join(folder, 'alive'), '');
      expect(await isAlive(folder)).to.equal(false);
      await found?.ended;
      await waitFor('its end', async () => (await groupMembers(members[0] ?? 0)).length === 0);
    }
  });

  it('is stopped by who started it also when its files were deleted', async () => {
    const { folder, tool } = await start('echo begun; sleep 100');
    await waitFor('its start', async () => (await log(folder).catch(() => '')) !== '');
    for (const name of ['alive', 'started', 'command.json']) await rm(join(folder, name));
    await tool.stop();
    expect(await tool.ended).to.deep.equal({ code: null });
  });

  it('can never start where its folder is gone', async () => {
    expect(await revokeTool(join(await tempDir('gone'), 'committed', 'server'))).to.equal(true);
  });

  it('does not believe an exit code of another boot', async () => {
    const { folder, tool } = await start('exit 0');
    await tool.ended;
    const command = JSON.parse(await readFile(join(folder, 'command.json'), 'utf8'));
    await writeFile(join(folder, 'command.json'), JSON.stringify({ ...command, boot: 'another boot' }));
    expect(await (await findTool(folder))?.ended).to.deep.equal({ code: null });
  });

  it('takes an exit file that the wrapper had no time to write into for no exit code', async () => {
    const { folder, tool } = await start('exit 0');
    await tool.ended;
    await writeFile(join(folder, 'exit'), '');
    expect(await (await findTool(folder))?.ended).to.deep.equal({ code: null });
  });

  it('signals no process because of a forged record', async () => {
    const { folder, tool } = await start('echo ready; sleep 1000');
    await waitFor('the tool', async () => (await log(folder).catch(() => '')).includes('ready'));
    const real = await readFile(join(folder, 'command.json'), 'utf8');
    await writeFile(
      join(folder, 'command.json'),
      // A nonce of the right shape, so that only the look at the process itself can tell that it is another one.
      JSON.stringify({ nonce: `pbx-${'0'.repeat(24)}`, argv: ['other'], boot: await bootId() }),
    );
    await stopTool(folder);
    expect(await isAlive(folder)).to.equal(true);
    await writeFile(join(folder, 'command.json'), real);
    await tool.stop();
    await tool.ended;
  });
});
