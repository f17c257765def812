// Limits that no lint rule has. Prints every violation. Exit code 1 if there are any.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const repository = join(import.meta.dirname, '..');

/** Lines of a file, by folder. */
const longest = [
  { folder: 'src', ends: '.ts', lines: 250 },
  { folder: 'scripts', ends: '.mjs', lines: 250 },
  { folder: 'python', ends: '.py', lines: 250 },
  { folder: 'test', ends: '.ts', lines: 400 },
  { folder: 'bench', ends: '.ts', lines: 400 },
];
const mostDependencies = 14;
/** Ways to make the compiler accept anything, which bypass the types. */
const wayAround = /\bas any\b|:\s*any\b|<any>|\bas unknown as\b|@ts-(?:ignore|nocheck|expect-error)/;
const comment = /^\s*(?:\/?\*.*|\/\/.*)$|\/\*.*?\*\/|\/\/ .*$/g;
/**
 * Raw writes to the terminal. Names, keys and tools may contain ESC and BEL, so text is written through
 * commands/parts/output.ts, which escapes them. `writers` do the same: a screen that is redrawn, the log's lines, and
 * the entry, which an old Node must be able to read.
 */
const rawWrite = /\bstd(?:out|err)\.write\(|\bconsole\.|(?<!shownLine, )'inherit'|\.pipe\(process\./;
const writers = [
  'src/commands/parts/output.ts',
  'src/commands/parts/screen.ts',
  'src/io/workspace/logger.ts',
  'src/entry.ts',
];
const bareIgnore = /biome-ignore\s+\S+\s*(?::\s*)?$|biome-ignore\s+\S+:?\s*<explanation>/;

const over = [...tooLong(), ...tooMany(), ...lines()];
for (const complaint of over) process.stderr.write(`budget: ${complaint}\n`);
process.exitCode = over.length === 0 ? 0 : 1;

function* tooLong() {
  for (const { folder, ends, lines: allowed } of longest) {
    for (const { path, text } of files(folder, ends)) {
      const count = text.trimEnd().split('\n').length;
      if (count > allowed) yield `${path} has ${count} lines; allowed are ${allowed}. Split it by what it does.`;
    }
  }
}

function* tooMany() {
  const { dependencies } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8'));
  const count = Object.keys(dependencies).length;
  if (count > mostDependencies)
    yield `package.json has ${count} runtime dependencies; allowed are ${mostDependencies}.`;
}

function* lines() {
  for (const { path, text } of [...files('src', '.ts'), ...files('test', '.ts'), ...files('bench', '.ts')]) {
    for (const [at, line] of text.split('\n').entries()) {
      if (path.startsWith('src') && wayAround.test(line.replace(comment, '')))
        yield `${path}:${at + 1} goes around the types: ${line.trim()}`;
      if (path.startsWith('src') && !writers.includes(path) && rawWrite.test(line.replace(comment, '')))
        yield `${path}:${at + 1} writes to the terminal past commands/parts/output.ts: ${line.trim()}`;
      if (bareIgnore.test(line)) yield `${path}:${at + 1} switches a lint rule off without its reason: ${line.trim()}`;
    }
  }
}

function files(folder, ends) {
  if (!existsSync(join(repository, folder))) return [];
  return readdirSync(join(repository, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(ends))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !path.includes('/fixtures/'))
    .sort()
    .map((path) => ({ path: path.slice(repository.length + 1), text: readFileSync(path, 'utf8') }));
}
