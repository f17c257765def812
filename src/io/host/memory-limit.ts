import { totalmem } from 'node:os';

/** What the system and other programs keep of the memory: a tenth, and at least 1 GB. */
const reserveShare = 0.1;
const leastReserve = 2 ** 30;

/**
 * Bytes that a training may use on this machine. Null on a Mac, where mlx knows what the device recommends. On Linux mlx
 * recommends nothing for a CPU, so it is the memory of the machine (or of its container) less a reserve.
 */
export function memoryLimit(): number | null {
  if (process.platform !== 'linux') return null;
  const contained = process.constrainedMemory();
  const memory = contained > 0 ? Math.min(totalmem(), contained) : totalmem();
  return Math.round(memory - Math.max(leastReserve, reserveShare * memory));
}
