// The sources of dist/ as one hash, to check whether dist/ is current.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const besides = ['package.json', 'package-lock.json', 'scripts/build.mjs', 'scripts/lib/licences.mjs'];

/** In dist/, so that every build or removal of dist/ changes it too. */
export const stampName = '.sources';

/** Content, not times: a fresh checkout and a switch of branches change times arbitrarily. */
export function sourcesHash(repository) {
  const entries = readdirSync(join(repository, 'src'), { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const hash = createHash('sha256');
  for (const file of [...files.sort(), ...besides.map((name) => join(repository, name))]) {
    hash.update(file.slice(repository.length)).update('\0').update(readFileSync(file)).update('\0');
  }
  return hash.digest('hex');
}

/** Whether dist/ exists, and was built from the current sources. */
export function distIsCurrent(repository) {
  const at = (name) => join(repository, 'dist', name);
  if (!existsSync(at('phasebox.js')) || !existsSync(at(stampName))) return false;
  return readFileSync(at(stampName), 'utf8') === sourcesHash(repository);
}
