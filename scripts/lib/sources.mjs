// What dist/ is made of, as one hash: whether it is still what the sources say.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const besides = ['package.json', 'package-lock.json', 'scripts/build.mjs', 'scripts/lib/licences.mjs'];

/** Lies in dist/, so that whoever builds or removes dist/ changes it too. */
export const stampName = '.sources';

/** Content, not times: a fresh checkout and a switch of branches change times at will. */
export function sourcesHash(repository) {
  const entries = readdirSync(join(repository, 'src'), { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const hash = createHash('sha256');
  for (const file of [...files.sort(), ...besides.map((name) => join(repository, name))]) {
    hash.update(file.slice(repository.length)).update('\0').update(readFileSync(file)).update('\0');
  }
  return hash.digest('hex');
}

/** Whether dist/ is there, and made of the sources as they are now. */
export function distIsCurrent(repository) {
  const at = (name) => join(repository, 'dist', name);
  if (!existsSync(at('phasebox.js')) || !existsSync(at(stampName))) return false;
  return readFileSync(at(stampName), 'utf8') === sourcesHash(repository);
}
