import { execFileSync } from 'node:child_process';
import { totalmem } from 'node:os';

const gigabyte = 2 ** 30;

/** What the system and other programs keep of the memory: a tenth, and at least 1 GB, but no more than half. */
const least_reserve = gigabyte;
const reserve_share = 0.1;

/**
 * What Metal recommends as the working set of the GPU: two thirds of the memory, and three quarters of more than 36 GB.
 * `iogpu.wired_limit_mb` replaces it. Beyond it the system compresses and swaps what other programs use.
 */
const metal = { small: 2 / 3, large: 3 / 4, large_bytes: 36 * gigabyte, reserve_share: 0.05 };

/** Bytes that a training may use on this machine. `asked_gb`: `memory_gb` of the phase or the workspace. */
export function memoryLimit(asked_gb?: number): number {
  return asked_gb === undefined ? defaultLimit() : Math.round(asked_gb * gigabyte);
}

let known: number | undefined;

/** It does not change while this process lives. */
function defaultLimit(): number {
  known ??= process.platform === 'darwin' ? limitOnMac(totalmem(), wiredLimit()) : limitOnLinux(machineMemory());
  return known;
}

/** Bytes of the machine, or of the container that this process runs in. */
function machineMemory(): number {
  const contained = process.constrainedMemory();
  return contained > 0 ? Math.min(totalmem(), contained) : totalmem();
}

export const limitOnLinux = (memory: number): number =>
  Math.round(memory - Math.min(memory / 2, Math.max(least_reserve, reserve_share * memory)));

/** `wired`: the limit that a person has set, in bytes, or 0. */
export function limitOnMac(memory: number, wired: number): number {
  const recommended = wired > 0 ? wired : memory * (memory > metal.large_bytes ? metal.large : metal.small);
  return Math.round(recommended * (1 - metal.reserve_share));
}

/** Takes milliseconds, once for each process. */
function wiredLimit(): number {
  try {
    const text = execFileSync('/usr/sbin/sysctl', ['-n', 'iogpu.wired_limit_mb'], { encoding: 'utf8', stdio: 'pipe' });
    return Number(text) * 2 ** 20 || 0;
  } catch {
    return 0; // macOS before 14 does not have the name
  }
}
