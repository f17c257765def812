import { execFile } from 'node:child_process';
import { readdir, readFile, stat } from 'node:fs/promises';
import { arch, cpus, hostname, platform, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Host } from '../../events/run.ts';
import { hasCode } from '../disk/files.ts';

/** All differences between Linux and macOS about processes are in this file. */

const run = promisify(execFile);
const isLinux = process.platform === 'linux';
/** Without these, BSD's ps cuts columns at the terminal's width and prints in the user's language. */
const psEnvironment = { ...process.env, LC_ALL: 'C', TZ: 'UTC0' };

let bootIdOnce: Promise<string> | undefined;

/** An id that changes at every boot: data of an earlier boot may not have reached the disk. */
export function bootId(): Promise<string> {
  bootIdOnce ??= isLinux
    ? readFile('/proc/sys/kernel/random/boot_id', 'utf8').then((text) => text.trim())
    : run('sysctl', ['-n', 'kern.bootsessionuuid']).then(({ stdout }) => stdout.trim());
  return bootIdOnce;
}

let machineIdOnce: Promise<string> | undefined;

/** An id of this machine that does not depend on network or boot. The host name if the system has none. */
export function machineId(): Promise<string> {
  machineIdOnce ??= isLinux
    ? readFile('/etc/machine-id', 'utf8').then((text) => text.trim() || hostname(), hostname)
    : run('ioreg', ['-rd1', '-c', 'IOPlatformExpertDevice']).then(
        ({ stdout }) => /"IOPlatformUUID" = "([^"]+)"/.exec(stdout)?.[1] ?? hostname(),
        hostname,
      );
  return machineIdOnce;
}

/** The arguments of a process as one line, separated by spaces. Null if there is no such process (or a zombie). */
export async function commandLine(pid: number): Promise<string | null> {
  if (isLinux) {
    const text = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    return text === '' ? null : text.replaceAll('\0', ' ').trim();
  }
  const line = await ps(['-ww', '-o', 'stat=', '-o', 'args=', '-p', String(pid)]);
  const [state = '', ...args] = line.trim().split(/\s+/);
  return state === '' || state.startsWith('Z') ? null : args.join(' ');
}

const allPids = async (): Promise<number[]> =>
  (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);

interface Member {
  readonly pid: number;
  /** As `ps` prints it: its first letter is `T` if the process is suspended. */
  readonly state: string;
}

/** Processes of a group that are not zombies. */
export const groupMembers = async (group: number): Promise<readonly number[]> =>
  (await membersOf(group)).map(({ pid }) => pid);

/** Whether a person has suspended a process of the group (SIGSTOP, Ctrl-Z). */
export const isSuspended = async (group: number): Promise<boolean> =>
  (await membersOf(group)).some(({ state }) => state.startsWith('T'));

async function membersOf(group: number): Promise<readonly Member[]> {
  if (!isLinux) {
    const text = await ps(['-A', '-o', 'pid=', '-o', 'pgid=', '-o', 'stat=']);
    return text
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .flatMap(([pid, pgid, state]) =>
        Number(pgid) === group && state !== undefined && !state.startsWith('Z') ? [{ pid: Number(pid), state }] : [],
      );
  }
  const found = await Promise.all(
    (await allPids()).map(async (pid) => {
      const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
      // pid (name, which may contain spaces and brackets) state ppid pgrp ...
      const [state = '', , pgid] = text.slice(text.lastIndexOf(')') + 2).split(' ');
      return Number(pgid) === group && state !== 'Z' && state !== 'X' ? [{ pid, state }] : [];
    }),
  );
  return found.flat();
}

/** Those of these processes (else of all that we may examine) that have this file (or fifo) open. */
export async function holdersOf(path: string, among?: readonly number[]): Promise<readonly number[]> {
  if (!isLinux) {
    const pids = (await quiet('lsof', ['-t', '--', path])).split('\n').filter((line) => line !== '');
    return pids.map(Number).filter((pid) => among?.includes(pid) ?? true);
  }
  const { dev, ino } = await stat(path);
  const found = await Promise.all(
    (among ?? (await allPids())).map(async (pid) => {
      const folder = `/proc/${pid}/fd`;
      const open = await readdir(folder).catch(() => []);
      const files = await Promise.all(open.map((fd) => stat(join(folder, fd)).catch(() => null)));
      return files.some((file) => file?.dev === dev && file.ino === ino) ? [pid] : [];
    }),
  );
  return found.flat();
}

/** Sends a signal to a process, or to the group of a leader by its negative pid. */
export function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // It has ended on its own a moment ago, which is the goal.
    if (!hasCode(error, 'ESRCH')) throw error;
  }
}

const ps = (args: readonly string[]): Promise<string> => quiet('ps', args);

/** ps and lsof print nothing and exit with 1 if there is nothing to report: that is an answer, not an error. */
async function quiet(program: string, args: readonly string[]): Promise<string> {
  try {
    return (await run(program, [...args], { env: psEnvironment, maxBuffer: 64 * 2 ** 20 })).stdout;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 1) return '';
    throw error;
  }
}

/** The machine that this process runs on. */
export const hostFacts = (): Host => ({
  name: hostname(),
  system: `${platform()} ${release()} ${arch()}`,
  cpu: cpus()[0]?.model.trim() ?? 'unknown',
  memory_bytes: totalmem(),
});
