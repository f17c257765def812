// Finds words that have no right use (scripts/words.txt) in code, comments, messages and docs. Exit code 1 if there are any.
//   node scripts/words.mjs             all folders that npm run lint checks
//   node scripts/words.mjs PATH...     only these files and folders
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';

const repository = join(import.meta.dirname, '..');

/** What `npm run lint` checks. A folder is added when it passes. */
const checked = [
  ...['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'docs', 'llms.txt'],
  ...['src', 'python', 'scripts', 'templates', 'examples', 'suites', '.github'],
];
const endings = /\.(?:ts|mjs|py|sh|md|txt|ya?ml)$/;
/** The list itself must hold the words. */
const leftOut = ['scripts/words.txt', 'CHANGELOG.md'];
const exception = /\bwords: \S/;

const rules = readRules(readFileSync(join(import.meta.dirname, 'words.txt'), 'utf8'));
const asked = process.argv.slice(2);
const roots = asked.length > 0 ? asked.map((path) => resolve(path)) : checked.map((path) => join(repository, path));
let count = 0;
for (const file of roots.flatMap(filesBelow)) {
  for (const { line, found, instead } of findings(proseOf(file))) {
    count += 1;
    process.stderr.write(`words: ${relative(repository, file)}:${line} has "${found}". Write: ${instead}\n`);
  }
}
process.exitCode = count === 0 ? 0 : 1;

/** A suite's prompts belong to its author and to its hash, so only the comments of YAML files are checked. */
function proseOf(file) {
  const text = readFileSync(file, 'utf8');
  return /\.ya?ml$/.test(file) ? text.replace(/^[^#\n]*/gm, '') : text;
}

/** @returns the files to check at or below a path. */
function filesBelow(path) {
  if (statSync(path).isFile()) return [path];
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && endings.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => !leftOut.includes(relative(repository, file)))
    .sort();
}

function readRules(text) {
  return text
    .split('\n')
    .filter((line) => line.includes(' -> ') && !line.startsWith('#'))
    .map((line) => {
      const [phrase, instead] = line.split(' -> ');
      return { pattern: patternOf(phrase.trim()), instead };
    });
}

/** Spaces of a phrase also match a line end with the comment mark that follows it. */
function patternOf(phrase) {
  const source = phrase
    .replace(/\[([^\]]*\|[^\]]*)\]/g, '(?:$1)')
    .replaceAll(' ', String.raw`\s+(?:(?:\*|//|#|>)\s+)?`);
  if (!/^\w+$/.test(phrase)) return new RegExp(String.raw`(?<![\w-])(?:${source})(?![\w-])`, 'gi');
  const capital = phrase[0].toUpperCase() + phrase.slice(1);
  const word = `(?<![\\w-])(?:${phrase}|${capital}|${phrase.toUpperCase()})(?![\\w-])`;
  return new RegExp(`${word}|(?<=[a-z])${capital}(?![a-z])|\\b${phrase}(?=[A-Z])`, 'g');
}

function* findings(text) {
  const lines = text.split('\n');
  for (const { pattern, instead } of rules) {
    for (const match of text.matchAll(pattern)) {
      const line = text.slice(0, match.index).split('\n').length;
      if (!exception.test(lines[line - 1])) yield { line, found: match[0].replace(/\s+/g, ' '), instead };
    }
  }
}
