// The licences of bundled packages, which must be distributed with the code.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** One text with the licence of every package that `files` (paths from the repository) are from. */
export function licencesOf(repository, files) {
  const folders = files.flatMap((file) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? []);
  const texts = [...new Set(folders)].sort().map((folder) => licenceOf(join(repository, folder)));
  return `The files of this folder contain code of these packages.\n\n${texts.join('\n')}`;
}

function licenceOf(folder) {
  const { name, version, license, licenses = [] } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const file = existsSync(folder) && readdirSync(folder).find((entry) => /^licen[cs]e(?:[.-]|$)/i.test(entry));
  const text = file ? readFileSync(join(folder, file), 'utf8').trim() : 'The package contains no licence text.';
  return `${'-'.repeat(80)}\n${name} ${version} (${license ?? licenses.map(({ type }) => type).join(' or ')})\n\n${text}\n`;
}
