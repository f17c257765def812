import { join } from 'node:path';
import type { Driver } from '../../events/drivers.ts';
import { packageRoot } from './package-root.ts';

let folder: string | undefined;

/** Absolute path of one of phasebox's Python drivers. */
export function driverPath(name: Driver): string {
  folder ??= join(packageRoot().folder, 'python');
  return join(folder, `${name}.py`);
}
