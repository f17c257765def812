import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { repository } from './product.ts';
import { tempDir } from './temp.ts';

/*
 * Small disks that tests can fill. Only root may mount a file system, except in a namespace of its own, so the tests of
 * such a file run in a second mocha under `unshare -rm`.
 */

const mark = 'PHASEBOX_TEST_OWN_MOUNTS';

/** Whether this process may mount, because it is the second mocha. */
export const hasOwnMounts = process.env[mark] !== undefined;

/** Null if this machine allows own mounts, or else why it does not. */
export async function whyNoMounts(): Promise<string | null> {
  const allowed = await execa('unshare', ['-rm', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'], { reject: false });
  return allowed.failed ? `${allowed.shortMessage}` : null;
}

interface Result {
  readonly passes: number;
  /** A phrase for each failure. */
  readonly failures: readonly string[];
}

/** Runs the tests of a file in the second mocha. What they print is shown. */
export async function inOwnMounts(file: string, env: Readonly<Record<string, string>> = {}): Promise<Result> {
  const folder = await tempDir('mounts');
  const report = join(folder, 'report.json');
  const mocha = join(repository, 'node_modules/mocha/bin/mocha.js');
  const hooks = ['--require', 'test/helpers/leaks.ts'];
  const options = ['--no-config', '--exit', '--reporter', 'json', '--reporter-option', `output=${report}`];
  const args = ['-rm', process.execPath, '--import', 'tsx', mocha, ...hooks, ...options, file];
  // What the second mocha leaves in the folder is removed with it.
  const own = { ...env, TMPDIR: folder, [mark]: '1' };
  const { shortMessage } = await execa('unshare', args, {
    ...{ cwd: repository, env: own, reject: false },
    ...{ stdin: 'ignore', stdout: 'inherit', stderr: 'inherit' },
  });
  const text = await readFile(report, 'utf8').catch(() => {
    throw new Error(`no result: ${shortMessage}`);
  });
  const { stats, failures } = JSON.parse(text) as {
    stats: { passes: number };
    failures: { title: string; err: { message: string } }[];
  };
  return { passes: stats.passes, failures: failures.map(({ title, err }) => `${title}: ${err.message}`) };
}

/** Calls `make`, which puts what it makes into a temporary folder: on a new disk of this size. */
export async function onSmallDisk<T>(megabytes: number, make: () => Promise<T>): Promise<T> {
  const usual = tmpdir();
  const folder = await mkdtemp(join(usual, 'disk-'));
  await execa('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder]);
  process.env.TMPDIR = folder;
  try {
    return await make();
  } finally {
    process.env.TMPDIR = usual;
  }
}
