import { execFile } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { removeTempDirs, runEndings } from './temp.ts';

/** Tests do not wait for the machine's other tools, and these not for tests. Inherited by all that a test starts. */
const slot = mkdtempSync(join(tmpdir(), 'phasebox-slot-'));
process.env.PHASEBOX_SLOT_DIR = slot;

/** Our own children that still run. esbuild's service process belongs to tsx and stays. */
async function children(): Promise<string[]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'ppid=', '-o', 'stat=', '-o', 'args=']);
  return stdout
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.startsWith(`${process.pid} `))
    .filter((line) => !/^\d+ Z|esbuild|ps -A/.test(line));
}

// A killed run leaves no broker behind either.
for (const signal of ['SIGTERM', 'SIGHUP'] as const)
  process.once(signal, () => void runEndings().finally(() => process.exit(1)));

/** A test that leaves a process behind fails the suite. */
export const mochaHooks = {
  async afterAll() {
    const unremoved = await runEndings();
    await removeTempDirs();
    await rm(slot, { recursive: true, force: true });
    const left = await children();
    if (unremoved) throw new Error('a test did not remove its workspace; what ran in it was ended');
    if (left.length > 0) throw new Error(`processes left behind by the tests:\n${left.join('\n')}`);
  },
};
