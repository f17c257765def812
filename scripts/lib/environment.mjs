// What set-up needs: the Node, the machine and the Python on which everything here runs.
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** 3.x: outside of these not every package that mlx-lm needs has a build. */
const oldestMinor = 11;
const newestMinor = 14;

/** Something is missing that set-up cannot install: the text says what, and how to get it. */
export class Missing extends Error {
  name = 'Missing';
}

const install = {
  darwin: 'brew install python@3.13',
  linux: 'sudo apt install python3 python3-venv     (Debian 12 or newer, Ubuntu 24.04 or newer)',
};

/** Throws Missing for a system for which the tools have no builds. `glibc` is undefined if there is none. */
export function checkSystem({ platform, arch, node, glibc }) {
  if (platform === 'win32') {
    throw new Missing('Windows is not supported. phasebox runs on macOS and Linux; WSL 2 counts as Linux.');
  }
  if (platform !== 'darwin' && platform !== 'linux')
    throw new Missing(`${platform} is not supported: only macOS and Linux.`);
  if (platform === 'darwin' && arch !== 'arm64') {
    throw new Missing(
      `MLX needs Apple silicon, and this Node runs as ${arch}. On an M-series Mac install the arm64 Node.`,
    );
  }
  const [major, minor] = node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    throw new Missing(
      `Node ${node} is too old: 20.19 or newer is needed (macOS: brew install node; others: nodejs.org).`,
    );
  }
  if (platform === 'linux' && !isAtLeast(glibc, [2, 35])) {
    const seen = glibc === undefined ? 'this system has none' : `this one has ${glibc}`;
    throw new Missing(`MLX needs glibc 2.35 or newer (Debian 12, Ubuntu 22.04), and ${seen}.`);
  }
}

function isAtLeast(version, [major, minor]) {
  const [x = 0, y = 0] = (version ?? '').split('.').map(Number);
  return x > major || (x === major && y >= minor);
}

/** The first suitable Python, as { path, version }. `PHASEBOX_SETUP_PYTHON` is used or refused, never skipped. */
export function findPython(env, platform) {
  const asked = env.PHASEBOX_SETUP_PYTHON;
  const names = ['python3.14', 'python3.13', 'python3.12', 'python3.11', 'python3'];
  const seen = [];
  for (const command of asked ? [asked] : names) {
    for (const path of command.includes('/') ? [command] : onPath(command, env)) {
      const found = describe(path, env);
      if (found.problem === undefined) return { path: found.path, version: found.version };
      seen.push(`  ${path}: ${found.problem}`);
    }
  }
  throw new Missing(noPython({ asked, seen, platform, names }));
}

function noPython({ asked, seen, platform, names }) {
  return [
    `Python 3.${oldestMinor} to 3.${newestMinor} is needed, with its venv module: the models are trained and served by mlx-lm.`,
    asked === undefined ? `Looked for ${names.join(', ')} on PATH.` : `PHASEBOX_SETUP_PYTHON is ${asked}.`,
    ...(seen.length === 0 ? ['  There is none.'] : seen),
    'Install it, then run this again:',
    `  ${install[platform]}`,
    'Or name another one: PHASEBOX_SETUP_PYTHON=/path/to/python3 npm run setup',
  ].join('\n');
}

function onPath(command, env) {
  return (env.PATH ?? '')
    .split(delimiter)
    .filter(Boolean)
    .map((folder) => join(folder, command))
    .filter(isExecutable);
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false; // the next one on PATH
  }
}

/**
 * Asks the program itself: a shim of pyenv also exists for missing versions, and macOS has one that offers to install.
 */
function describe(path, env) {
  const ask = [
    'import importlib.util as u, platform, sys',
    'print(sys.executable, platform.python_version(), platform.machine(), *[m for m in ("venv", "ensurepip") if not u.find_spec(m)], sep="|")',
  ].join('\n');
  const { status, stdout, error } = spawnSync(path, ['-c', ask], { encoding: 'utf8', env, timeout: 30_000 });
  if (status !== 0) return { problem: error?.code === 'ENOENT' ? 'there is no such program' : 'does not run' };
  const [executable, version, machine, ...lacking] = stdout.trim().split('|');
  if (!isAtLeast(version, [3, oldestMinor])) return { problem: `version ${version} is too old` };
  if (isAtLeast(version, [3, newestMinor + 1]))
    return { problem: `version ${version} is newer than the packages know` };
  if (process.platform === 'darwin' && machine !== 'arm64') return { problem: `built for ${machine}, mlx needs arm64` };
  if (lacking.length > 0) {
    return {
      problem: `version ${version}, but without ${lacking.join(' and ')} (Debian: sudo apt install python3-venv)`,
    };
  }
  return { path: executable, version };
}
