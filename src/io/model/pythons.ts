import { open, realpath } from 'node:fs/promises';
import { dirname, isAbsolute, join, resolve, sep } from 'node:path';
import { execa } from 'execa';
import type { Facts } from '../../core/config/lookups.ts';
import { CommandError } from '../../core/errors.ts';
import { useFile } from '../disk/files.ts';
import { givenPath, homeOrNull } from '../host/home.ts';
import { isExecutable, pathFolders, which } from '../host/which.ts';
import { askFacts, type NoFacts } from './facts.ts';

/** What decides which Python is used: the workspace's root (absolute) and its `python` key. */
export interface PythonChoice {
  readonly root: string;
  readonly config: { readonly python?: string | undefined };
}

/** The user's Python: phasebox.yaml (or PHASEBOX_PYTHON), .venv, VIRTUAL_ENV, PATH. Not resolved, as by `which`. */
export async function findPython(workspace: PythonChoice): Promise<string> {
  const wanted = workspace.config.python;
  if (wanted !== undefined) {
    const path = wanted.includes(sep) ? givenPath(wanted, workspace.root) : await which([wanted]);
    if (path !== null && (await isExecutable(path))) return path;
    const seen = path === null || path === wanted ? wanted : `${wanted} (${path})`;
    const next = 'Correct `python` in phasebox.yaml (or PHASEBOX_PYTHON).';
    throw new CommandError(3, `python: ${seen} does not exist or cannot be run. ${next}`);
  }
  for (const folder of [join(workspace.root, '.venv'), process.env.VIRTUAL_ENV ?? '']) {
    const path = inEnvironment(folder);
    if (isAbsolute(path) && (await isExecutable(path))) return path;
  }
  const path = (await which(['python3'])) ?? (await which(['python']));
  if (path !== null) return path;
  const next = 'Install Python >= 3.11 with mlx_lm, then `phasebox init`.';
  throw new CommandError(3, `No Python found (.venv, VIRTUAL_ENV, PATH). ${next}`);
}

/** A Python that has mlx_lm. */
export interface MlxPython {
  readonly path: string;
  readonly versions: Facts['versions'];
}

/** The result of the search: the first Python that has mlx_lm, and those that were tried before it. */
export interface PythonSearch {
  readonly found: MlxPython | null;
  readonly without: readonly string[];
  /** Why some of them can never have mlx, and what to do. */
  readonly unfit: readonly NoFacts[];
}

/** Searches for a Python that has mlx_lm where people keep them. Each is started and asked. Nothing is installed. */
export async function findMlxPython(root: string, env: NodeJS.ProcessEnv = process.env): Promise<PythonSearch> {
  const without: string[] = [];
  const unfit: NoFacts[] = [];
  const asked = new Set<string>();
  for await (const path of candidates(root, env)) {
    if (asked.has(path) || !(await isExecutable(path)) || (await isAppleStub(path))) continue;
    asked.add(path);
    const answer = await askFacts(path);
    if ('facts' in answer) return { found: { path, versions: answer.facts.versions }, without, unfit };
    // No mlx_lm, too old or broken: the next one may have it.
    without.push(path);
    if (answer.unfit) unfit.push(answer);
  }
  return { found: null, without, unfit };
}

async function* candidates(root: string, env: NodeJS.ProcessEnv): AsyncGenerator<string> {
  const { PHASEBOX_PYTHON, VIRTUAL_ENV, CONDA_PREFIX } = env;
  const folders = pathFolders(env);
  if (PHASEBOX_PYTHON?.includes(sep)) yield givenPath(PHASEBOX_PYTHON, root);
  else if (PHASEBOX_PYTHON) for (const folder of folders) yield join(folder, PHASEBOX_PYTHON);
  yield inEnvironment(join(root, '.venv'));
  if (VIRTUAL_ENV) yield inEnvironment(resolve(VIRTUAL_ENV));
  for (const folder of folders) {
    const interpreter = await interpreterOf(join(folder, 'mlx_lm'));
    if (interpreter !== null) yield interpreter;
  }
  for (const folder of folders) for (const name of ['python3', 'python']) yield join(folder, name);
  if (CONDA_PREFIX) yield inEnvironment(resolve(CONDA_PREFIX));
  yield* commonPlaces(homeOrNull(env));
}

const inEnvironment = (folder: string): string => join(folder, 'bin', 'python');

/** Where people and tools (brew, pipx, uv, conda) put environments. */
function commonPlaces(home: string | null): string[] {
  const inHome = [
    ...['.venv', 'venv', 'mlx', '.mlx', 'mlx-env', '.venvs/mlx', '.virtualenvs/mlx'],
    ...['.local/share/uv/tools/mlx-lm', '.local/pipx/venvs/mlx-lm', '.local/share/pipx/venvs/mlx-lm'],
    ...['miniforge3', 'mambaforge', 'miniconda3', 'anaconda3'],
  ];
  const homebrew = ['/opt/homebrew', '/usr/local', '/home/linuxbrew/.linuxbrew'];
  return [
    ...(home === null ? [] : inHome.map((folder) => inEnvironment(join(home, folder)))),
    ...homebrew.flatMap((prefix) => [inEnvironment(join(prefix, 'opt/mlx-lm/libexec')), join(prefix, 'bin/python3')]),
    '/opt/homebrew/Caskroom/miniforge/base/bin/python',
    '/usr/bin/python3',
  ];
}

const firstBytes = 4096;

/** The Python that runs a script: the one in its first line, or the one next to it. Null if there is no such script. */
async function interpreterOf(script: string): Promise<string | null> {
  if (!(await isExecutable(script))) return null;
  const start = await useFile(open(script, 'r'), (file) => file.read(Buffer.alloc(firstBytes), 0, firstBytes, 0));
  const line = start.buffer.toString('utf8', 0, start.bytesRead).split('\n')[0] ?? '';
  const path = /^#!\s*(\S*python\S*)$/.exec(line.trim())?.[1];
  if (path !== undefined && isAbsolute(path)) return path;
  // A long path does not fit into the first line, which then names a shell that starts the Python next to the script.
  return join(dirname(await realpath(script)), 'python');
}

/** Without Apple's command line tools, /usr/bin/python3 opens a window that offers to install them. */
async function isAppleStub(path: string): Promise<boolean> {
  if (process.platform !== 'darwin' || dirname(path) !== '/usr/bin') return false;
  return (await execa('/usr/bin/xcode-select', ['-p'], { reject: false })).failed;
}
