import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { hasCode, readText } from '../io/disk/files.ts';
import { packageRoot } from '../io/host/package-root.ts';
import { installMlx } from '../io/model/facts.ts';
import { findMlxPython, type MlxPython } from '../io/model/pythons.ts';
import { openWorkspace } from '../io/workspace/workspace.ts';
import { documented, globals, type Register } from './parts/command.ts';
import { print, printError, warnOfWorkspace } from './parts/output.ts';
import { schemaFile } from './schema.ts';

/** What `init` did. `search` is null if phasebox.yaml exists, and `ignored` has the lines of .gitignore if it was made. */
export type Initiated = Awaited<ReturnType<typeof init>>;

/** No existing file is changed. Throws CommandError 2 (its phasebox.yaml is not valid), and errors of the disk. */
export async function init(folder: string, env: NodeJS.ProcessEnv = process.env) {
  const root = resolve(folder);
  await mkdir(root, { recursive: true });
  // First, so that a wrong phasebox.yaml is reported before anything is made.
  const { config, artifacts, warnings = [] } = await openWorkspace(root, 'create');
  const folders = [config.inbox, config.artifacts, '.phasebox'].map((folder) => `${folder}/`);
  const configured = (await readText(join(root, 'phasebox.yaml'))) !== null;
  const search = configured ? null : await findMlxPython(root, env);
  const made: string[] = [];
  const kept: string[] = [];
  const ignored = ['.phasebox/', ...runsOf(relative(root, artifacts))];
  for (const [name, text] of await newFiles(root, { python: search?.found ?? null, ignored })) {
    ((await writeNew(join(root, name), text)) ? made : kept).push(name);
  }
  const ignores = ((await readText(join(root, '.gitignore'))) ?? '').includes('.phasebox');
  return { root, folders, made, kept, ignored: made.includes('.gitignore') ? ignored : [], ignores, search, warnings };
}

const suiteFile = join('suites', 'agent-27.yaml');

/** The line of .gitignore for the runs (results.jsonl and COMPARISON.md are small). None if they are elsewhere. */
const runsOf = (artifacts: string): string[] =>
  artifacts === '' || artifacts.startsWith('..') || isAbsolute(artifacts)
    ? []
    : [`/${artifacts.replaceAll(/[\\*?[\]]/g, '\\$&')}/*/`];

async function newFiles(
  root: string,
  { python, ignored }: { readonly python: MlxPython | null; readonly ignored: readonly string[] },
): Promise<[name: string, text: string][]> {
  const shipped = (path: string): Promise<string> => readFile(join(packageRoot().folder, path), 'utf8');
  const config = await shipped('templates/phasebox.yaml');
  const schema = pathToFileURL(schemaFile('phase')).href;
  return [
    ['phasebox.yaml', python === null ? config : config.replace(/^# python: .*/m, () => pythonLine(root, python))],
    ['example.yaml', `# yaml-language-server: $schema=${schema}\n${await shipped('templates/example.yaml')}`],
    [suiteFile, await shipped(suiteFile)],
    ['.gitignore', `${ignored.join('\n')}\n`],
  ];
}

/** False if something of that name exists. */
async function writeNew(path: string, text: string): Promise<boolean> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text, { flag: 'wx' });
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  }
}

function pythonLine(root: string, python: MlxPython): string {
  const inside = relative(root, python.path);
  const path = inside.startsWith(`..${sep}`) ? python.path : inside;
  // JSON's quotes are valid in YAML too, and a path may contain anything.
  const text = /^[\w./+-]+$/.test(path) ? path : JSON.stringify(path);
  return `python: ${text} # mlx_lm ${python.versions.mlx_lm ?? unknownVersion}; PHASEBOX_PYTHON takes precedence`;
}

/** The message: which files were made, and what to do next. */
export function initText({ root, folders, made, kept, ignored, ignores, search }: Initiated): string {
  const lines = [`${root} is a phasebox workspace`];
  if (made.length > 0) lines.push(`  made: ${made.join(', ')}`);
  lines.push(`  folders: ${folders.join(', ')}`);
  if (ignored.length > 0)
    lines.push(`  .gitignore excludes ${ignored.join(', ')} from git. Everything else can be committed.`);
  if (kept.length > 0) lines.push(`  existing files, not changed: ${kept.join(', ')}`);
  if (!ignores) lines.push('  add .phasebox/ to .gitignore: it holds sockets, logs and the broker');
  const found = search?.found;
  if (found) lines.push(`  python: ${found.path} with mlx_lm ${found.versions.mlx_lm ?? unknownVersion}`);
  lines.push('next: write your own settings into example.yaml, then');
  lines.push('  phasebox doctor; phasebox plan example.yaml; phasebox submit example.yaml; phasebox up');
  return `${lines.join('\n')}\n`;
}

/** What is missing if no Python has mlx_lm, and how to get it. Null if one has. */
export function pythonWarning({ root, search }: Initiated): string | null {
  if (search === null || search.found !== null) return null;
  const { without, unfit } = search;
  const asked = without.length === 0 ? 'there is no Python' : `without it: ${without.join(', ')}`;
  const [first] = unfit;
  const install = first !== undefined && unfit.length === without.length ? first.todo : installMlx(root);
  return `warning: no Python with mlx_lm was found (${asked}).
${[...unfit.map(({ why }) => `${why}.`), install].join('\n')}
or give the path of one as \`python\` in phasebox.yaml; \`phasebox doctor\` tells whether it works.
`;
}

const unknownVersion = '(version unknown)';

export const registerInit: Register = (program) => {
  documented(program.command('init'), {
    does: 'Make a workspace',
    notes: [
      'A workspace is a folder with inbox/, artifacts/ and phasebox.yaml. The command also creates an example config and a suite, and writes the path of the detected Python to phasebox.yaml. Existing files are not changed.',
    ],
    examples: ['phasebox init', 'phasebox init ~/experiments'],
    exits: { 0: 'the workspace is ready', 2: 'its phasebox.yaml is not valid', 3: 'the folder cannot be written' },
  })
    .argument('[dir]', 'the folder of the workspace (default: that of --workspace)')
    .action(async (folder: string | undefined, _options, command) => {
      const initiated = await init(folder ?? globals(command).workspace);
      warnOfWorkspace(initiated);
      print(initText(initiated));
      printError(pythonWarning(initiated) ?? '');
    });
};
