// `npm run docs`: writes the parts of README.md, docs/ and llms.txt that are made from the code.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generatedPages } from './docs/pages.ts';

const repository = join(import.meta.dirname, '..');

for (const [path, text] of await generatedPages(repository)) {
  const file = join(repository, path);
  if ((await readFile(file, 'utf8').catch(() => null)) === text) continue;
  await writeFile(file, text);
  process.stdout.write(`docs: ${path} written\n`);
}
