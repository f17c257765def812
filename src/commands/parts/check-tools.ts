import { execa } from 'execa';
import type { Facts } from '../../core/config/lookups.ts';
import { badPairs, updateMlxLm } from '../../core/mlx/known-pairs.ts';
import { forPython } from '../../core/mlx/python.ts';
import { isAtLeast } from '../../core/version.ts';
import { drivers } from '../../events/drivers.ts';
import type { WorkspaceConfig } from '../../events/workspace.ts';
import { driverPath } from '../../io/host/package-root.ts';
import { askFacts, getMlx, type NoFacts } from '../../io/model/facts.ts';
import { findPython } from '../../io/model/pythons.ts';
import { checkBlas, measureBlas } from './check-blas.ts';
import { type Check, checked, missing, ok, reasonOf, warn } from './checks.ts';

const limit_ms = 120_000;

/** The user's Python, its packages, and whether phasebox's drivers run in it. */
export async function checkPython(at: { root: string; config: WorkspaceConfig }): Promise<Check[]> {
  const path = await findPython(at).catch((error: unknown) => missing('python', reasonOf(error), advice));
  if (typeof path !== 'string') return [path];
  const answer = await askFacts(path);
  if (!('facts' in answer)) return withoutFacts(path, answer);
  const { versions } = answer.facts;
  const runs = await Promise.all([
    checked('mlx', at.root, () => checkMlx(path, versions)),
    checked('drivers', at.root, () => checkDrivers(path)),
  ]);
  // Not at the same time as the programs above, which would slow it down.
  const works = runs.flat().every(({ status }) => status !== 'missing');
  const blas =
    works && process.platform === 'linux'
      ? await checked('blas', at.root, async () => checkBlas(await measureBlas(path)))
      : [];
  const known = [checkVersion(path, versions), checkMlxLm(path, versions), checkTransformers(versions)];
  return [...known, ...checkPairs(path, versions), ...runs.flat(), ...blas];
}

const advice = '`phasebox init` in a new folder looks for one; or set `python` in phasebox.yaml.';

function withoutFacts(path: string, { why, todo, unfit }: NoFacts): Check[] {
  if (unfit) return [missing('python', why, todo)];
  return [ok('python', path), missing('mlx_lm', why.replace('mlx_lm is not', 'not'), todo)];
}

type Versions = Facts['versions'];

function checkVersion(path: string, { python = '?' }: Versions): Check {
  if (isAtLeast(python, [3, 11])) return ok('python', `${python} at ${path}`);
  return warn('python', `${python} at ${path}`, 'Tested versions: Python 3.11 and newer.');
}

function checkMlxLm(path: string, { mlx_lm: version = '?' }: Versions): Check {
  if (isAtLeast(version, [0, 30])) return ok('mlx_lm', version);
  return warn('mlx_lm', version, `Tested versions: 0.30 and newer. Update it: ${forPython(updateMlxLm, path)}.`);
}

function checkTransformers({ transformers }: Versions): Check {
  if (transformers !== undefined) return ok('transformers', transformers);
  return missing('transformers', 'not installed', getMlx);
}

/** Versions that are known to fail together. This is only a warning, since most models may still work. */
const checkPairs = (path: string, versions: Versions): Check[] =>
  badPairs(versions, null).map((text) => warn('versions', text, `Update mlx-lm: ${forPython(updateMlxLm, path)}.`));

/** One sum on its device: on Linux the package can be installed without a backend. */
async function checkMlx(path: string, { mlx = '?' }: Versions): Promise<Check> {
  const script = 'import mlx.core as mx; print(mx.default_device()); assert (mx.ones(4) * 2).sum().item() == 8';
  const { stdout, problem } = await run(path, ['-c', script]);
  if (problem !== null) return missing('mlx', `${mlx} does not compute: ${problem}`, getMlx);
  const device = /gpu/.test(stdout) ? 'GPU' : 'CPU';
  if (device === 'CPU' && process.platform === 'darwin')
    return warn('mlx', `${mlx} computes on the CPU`, 'Is this a virtual machine? Training will be slow.');
  return ok('mlx', `${mlx}, computes on the ${device}`);
}

async function checkDrivers(path: string): Promise<Check> {
  const results = await Promise.all(
    drivers.map(async (name) => ({ name, ...(await run(path, [driverPath(name), '--help'])) })),
  );
  const broken = results.find(({ problem }) => problem !== null);
  if (broken === undefined) return ok('drivers', `all of phasebox's Python programs start: ${drivers.join(', ')}`);
  const todo = 'Update mlx-lm; if that does not help, report this with the versions above.';
  return missing('drivers', `${broken.name}.py does not run: ${broken.problem}`, todo);
}

async function run(python: string, args: readonly string[]) {
  const env = { HF_HUB_OFFLINE: '1', PYTHONDONTWRITEBYTECODE: '1' };
  const result = await execa(python, [...args], { reject: false, timeout: limit_ms, env, stdin: 'ignore' });
  const lastLine = result.stderr.trim().split('\n').at(-1);
  return { stdout: result.stdout, problem: result.failed ? lastLine || (result.shortMessage ?? '') : null };
}
