import { stat } from 'node:fs/promises';
import { execa } from 'execa';
import * as z from 'zod';
import { type Facts, facts } from '../../core/config/lookups.ts';
import { CommandError } from '../../core/errors.ts';
import { jsonOrNull } from '../../core/json.ts';
import { pythonHere, type Unfit, unfitFor } from '../../core/mlx/python-fit.ts';
import { shellWord } from '../../core/shell.ts';
import { driverPath } from '../host/package-root.ts';

/** On Linux, mlx-lm alone comes without a backend. */
const mlxPackages = process.platform === 'darwin' ? 'mlx-lm' : "'mlx[cpu]' mlx-lm";

const toFolder = (folder: string): string => `cd ${shellWord(folder)} && `;

/** How to install mlx_lm into an environment of the workspace. Many systems refuse pip outside of one. */
export const installMlx = (workspace?: string): string =>
  `Install it in the workspace (Python >= 3.11): ${workspace === undefined ? '' : toFolder(workspace)}python3 -m venv .venv && .venv/bin/pip install ${mlxPackages}`;

/** What to do about a Python without mlx_lm. */
export const getMlx = `${installMlx()}; or set \`python\` in phasebox.yaml (or PHASEBOX_PYTHON) to one that has it.`;

/** Exit code of facts.py if there is no mlx_lm. */
const noMlx = 3;

/** What to do about a Python without a working mlx_lm. */
const next =
  'Set `python` in phasebox.yaml (or PHASEBOX_PYTHON) to a Python >= 3.11 with mlx-lm, then `phasebox doctor`.';

/** Why a Python gives no facts, and what to do. `unfit` means that mlx can never be installed in it. */
export interface NoFacts {
  readonly why: string;
  readonly todo: string;
  readonly unfit: boolean;
}

type Answer = { readonly facts: Facts } | NoFacts;

const known = new Map<string, ReturnType<typeof askStamped>>();

/**
 * Versions and mlx_lm's training defaults of a Python (about 0.1 s, since nothing of mlx is imported). They are kept
 * until a package is updated, since a message may have asked for that. A Python that could not answer is asked again.
 */
export async function askFacts(python: string): Promise<Answer> {
  const before = known.get(python);
  const kept = await before;
  if (kept !== undefined && (await stampOf(kept.answer)) === kept.stamp) return kept.answer;
  const current = known.get(python);
  // Another caller may have asked in the meantime.
  const asked = current === undefined || current === before ? askStamped(python) : current;
  known.set(python, asked);
  const { answer } = await asked;
  if (!('facts' in answer)) known.delete(python);
  return answer;
}

async function askStamped(python: string) {
  const answer = await ask(python);
  return { answer, stamp: await stampOf(answer) };
}

/** Changes when pip installs, updates or removes a package. */
async function stampOf(answer: Answer): Promise<string> {
  const folders = 'facts' in answer ? (answer.facts.folders ?? []) : [];
  // A removed folder: the next answer says so.
  const times = folders.map(async (folder) => (await stat(folder).catch(() => null))?.mtimeMs ?? 0);
  return (await Promise.all(times)).join();
}

/** The facts of a Python. Throws CommandError 3 if it cannot be run, has no mlx_lm, or can never have mlx. */
export async function readFacts(python: string): Promise<Facts> {
  const answer = await askFacts(python);
  if ('facts' in answer) return answer.facts;
  throw new CommandError(3, `${answer.why}. ${answer.todo}`);
}

async function ask(python: string): Promise<Answer> {
  const script = driverPath('facts');
  const { stdout, stderr, exitCode, failed, code } = await execa(python, [script], {
    reject: false,
    timeout: 60_000,
    stdin: 'ignore',
  });
  const not = (why: string): NoFacts => ({ why, todo: next, unfit: false });
  if (exitCode === undefined) return not(`${python} cannot be run (${code ?? 'killed by a signal'})`);
  if (exitCode === noMlx) return withoutMlx(python, stderr);
  if (failed) return not(`${python} does not report its version of mlx_lm: ${stderr.trim() || `exit ${exitCode}`}`);
  const answer = facts.safeParse(jsonOrNull(stdout));
  if (!answer.success) return not(`${python} ${script} printed no facts: ${stdout.slice(0, 200)}`);
  const { versions, here } = answer.data;
  // mlx_lm alone can be installed everywhere, but not its backend.
  const unfit = versions.mlx === undefined && here !== undefined ? unfitFor(here) : null;
  return unfit === null ? { facts: answer.data } : unfitPython(python, unfit);
}

const onlyHere = z.object({ here: pythonHere });

/** `stderr` of facts.py: a sentence, then the facts that decide whether mlx can be installed. */
function withoutMlx(python: string, stderr: string): NoFacts {
  const { data } = onlyHere.safeParse(jsonOrNull(stderr.trim().split('\n').at(-1) ?? ''));
  const unfit = data === undefined ? null : unfitFor(data.here);
  if (unfit !== null) return unfitPython(python, unfit);
  return { why: `mlx_lm is not installed in ${python}`, todo: getMlx, unfit: false };
}

const unfitPython = (python: string, { why, todo }: Unfit): NoFacts => ({
  why: `${python} is ${why}`,
  todo,
  unfit: true,
});
