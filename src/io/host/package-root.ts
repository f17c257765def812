import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import type { Driver } from '../../events/drivers.ts';

const manifest = z.object({ name: z.string(), version: z.string() });

/** phasebox's own folder (python/, suites/, schemas/, templates/ lie in it) and version: the same from source and from the bundle. */
export function packageRoot() {
  for (let folder = dirname(fileURLToPath(import.meta.url)); folder !== dirname(folder); folder = dirname(folder)) {
    const found = readPackage(join(folder, 'package.json'));
    if (found?.name === 'phasebox') return { folder, version: found.version };
  }
  throw new Error('phasebox is not completely installed: its package.json is missing');
}

/** Sync on purpose: once, at start-up, one kilobyte. */
function readPackage(path: string): z.infer<typeof manifest> | null {
  try {
    return manifest.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    return null; // not here: try the folder above
  }
}

let folder: string | undefined;

/** Absolute path of one of phasebox's Python drivers. */
export function driverPath(name: Driver): string {
  folder ??= join(packageRoot().folder, 'python');
  return join(folder, `${name}.py`);
}
