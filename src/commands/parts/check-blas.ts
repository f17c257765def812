import { execa } from 'execa';
import * as z from 'zod';
import { driverPath } from '../../io/host/package-root.ts';
import { type Check, ok, warn } from './checks.ts';

const limit_ms = 60_000;

/** GFLOP/s, and the name of the OpenBLAS of this machine. Nothing is measured on a GPU or without numpy. */
const measured = z.union([
  z.object({ mlx: z.number(), numpy: z.number(), openblas: z.string().nullable() }),
  z.strictObject({}),
]);
export type MeasuredBlas = z.infer<typeof measured>;

/** How many times faster numpy is before a person should know. The BLAS that mlx brings along is ten times slower. */
const slow = 3;

/** What python/measure_blas.py measures. Throws what it prints instead. */
export async function measureBlas(python: string): Promise<MeasuredBlas> {
  const { stdout } = await execa(python, [driverPath('measure_blas')], { timeout: limit_ms, stdin: 'ignore' });
  return measured.parse(JSON.parse(stdout));
}

/** On Linux: whether mlx multiplies matrices as fast as this CPU can. */
export function checkBlas(found: MeasuredBlas): Check[] {
  if (!('mlx' in found)) return [];
  const { mlx, numpy, openblas } = found;
  const speed = `on the CPU, mlx multiplies matrices at ${Math.round(mlx)} GFLOP/s`;
  if (numpy < slow * mlx) return [ok('blas', speed)];
  const set = `env: { LD_PRELOAD: ${openblas ?? 'libopenblas.so.0'} }`;
  const todo =
    openblas === null
      ? `Install OpenBLAS (Debian, Ubuntu: apt install libopenblas0), then write ${set} in the config.`
      : `Write ${set} in the config.`;
  return [warn('blas', `${speed} and numpy at ${Math.round(numpy)}: the BLAS that comes with mlx is slow`, todo)];
}
