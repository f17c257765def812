import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { watchStrays } from '../../../src/io/tool/strays.ts';
import { startTool } from '../../../src/io/tool/tool-process.ts';
import { tempDir, waitFor } from '../../helpers/temp.ts';

const start = async (script: string) => {
  const dir = join(await tempDir('strays'), 'attempt');
  const tool = await startTool({ dir, argv: ['sh', '-c', script], env: {}, cwd: '/' });
  const told: string[] = [];
  const watch = watchStrays(dir, tool.ended, (text) => told.push(text));
  return { dir, tool, told, watch };
};

describe('io/tool/strays', () => {
  it('tells once, by pid and arguments, who keeps a tool from being over that has ended', async () => {
    const stray = 'import os, time; os.setsid(); print("ready", os.getpid(), flush=True); time.sleep(1000)';
    const { dir, tool, told, watch } = await start(`python3 -c '${stray}' & exit 3`);
    const log = () => readFile(join(dir, 'log.txt'), 'utf8').catch(() => '');
    const pid = Number((await waitFor('the stray', async () => /ready (\d+)/.exec(await log())))[1]);
    try {
      await watch;
      expect(told).to.have.length(1);
      expect(told[0]).to.match(
        new RegExp(`^waits: its tool ended with code 3, .* still runs \\(pid ${pid}: \\S*python3 -c `),
      );
    } finally {
      process.kill(pid, 'SIGKILL');
    }
    expect(await tool.ended).to.eql({ code: 3 });
  });

  it('says nothing of a tool that leaves no process behind', async () => {
    const { tool, told, watch } = await start('sleep 0.2; exit 0');
    expect(await tool.ended).to.eql({ code: 0 });
    await watch;
    expect(told).to.eql([]);
  });
});
