import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { settled } from '../../../src/io/tool/settled.ts';
import { startTool } from '../../../src/io/tool/tool-process.ts';
import { watchStall } from '../../../src/io/tool/watch-stall.ts';
import { tempDir, waitFor } from '../../helpers/temp.ts';

/** For a tool that works: a machine under load may be slow. */
const patient = { least_ms: 2500, load_ms: 0 };

/** A shell script as a tool, watched until it is over or stands still. */
async function watchedTool(script: string, limits = { least_ms: 1000, load_ms: 0 }) {
  const dir = await tempDir('stall');
  const tool = await startTool({ dir, argv: ['sh', '-c', script], env: {}, cwd: dir });
  const watched = watchStall({ tool: dir, files: dir }, limits, settled(tool.ended)).then(
    () => 'over',
    (error: unknown) => error,
  );
  return { dir, tool, watched };
}

describe('a tool that stands still', () => {
  it('is STALLED, and says for how long nothing has changed', async () => {
    const { tool, watched } = await watchedTool('echo begun; exec sleep 600');
    expect(await watched).to.include({ code: 'STALLED' });
    await tool.stop();
    await tool.ended;
  });

  it('is not one that writes, into its log or into any file, however long it takes', async () => {
    const steps = 'for step in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do';
    const { watched } = await watchedTool(`mkdir adapter; ${steps} echo $step >adapter/part; sleep 0.2; done`, patient);
    expect(await watched).to.equal('over');
  });

  it('is not one that only touches its log: so drivers show progress without a line', async () => {
    const steps = 'for step in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do';
    const { dir, watched } = await watchedTool(`${steps} touch log.txt; sleep 0.2; done`, patient);
    expect(await watched).to.equal('over');
    expect(await readFile(join(dir, 'log.txt'), 'utf8')).to.equal('');
  });

  it('is not one that a person has suspended', async () => {
    const { dir, tool, watched } = await watchedTool('kill -STOP $$; echo continued; exec sleep 600');
    let found: unknown;
    void watched.then((how) => {
      found = how;
    });
    // Twice its limit on a clock that only looks.
    const end = performance.now() + 2000;
    await waitFor('twice the limit', () => performance.now() > end);
    expect(found).to.equal(undefined);
    await waitFor('its end', async () => {
      process.kill(-(tool.pid ?? 0), 'SIGCONT');
      return (await readFile(join(dir, 'log.txt'), 'utf8')).includes('continued');
    });
    expect(await watched).to.include({ code: 'STALLED' });
    await tool.stop();
    await tool.ended;
  });
});
