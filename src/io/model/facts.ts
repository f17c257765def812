import { join } from 'node:path';
import { execa } from 'execa';
import { type Facts, facts } from '../../core/config/lookups.ts';
import { CommandError } from '../../core/errors.ts';
import { shellWord } from '../../core/plan/shell.ts';
import { packageRoot } from '../package-root.ts';

/** What pip is told to install: on Linux mlx-lm alone comes without anything that computes. */
export const mlxPackages = process.platform === 'darwin' ? 'mlx-lm' : "'mlx[cpu]' mlx-lm";

/** What to do about a python without mlx_lm. */
export const installMlx = (python: string): string =>
  `Install it: ${shellWord(python)} -m pip install ${mlxPackages}, or set \`python\` in phasebox.yaml (or PHASEBOX_PYTHON) to one that has it.`;

/** Exit code of facts.py when there is no mlx_lm. */
const noMlx = 3;

const known = new Map<string, Promise<Facts>>();

/**
 * Versions and mlx_lm's training defaults of a python, asked once a process (about 0.1 s: nothing of mlx is imported).
 * Throws CommandError 3 when it cannot be run or has no mlx_lm; then the next call asks again.
 */
export async function readFacts(python: string): Promise<Facts> {
  const asked = known.get(python) ?? ask(python);
  known.set(python, asked);
  try {
    return await asked;
  } catch (error) {
    known.delete(python);
    throw error;
  }
}

async function ask(python: string): Promise<Facts> {
  const script = join(packageRoot().folder, 'python', 'facts.py');
  const { stdout, stderr, exitCode, failed, code } = await execa(python, [script], { reject: false, timeout: 60_000 });
  if (exitCode === undefined) {
    throw new CommandError(3, `${python} cannot be run (${code ?? 'ended by a signal'}). ${next}`);
  }
  if (exitCode === noMlx) throw new CommandError(3, `mlx_lm is not installed in ${python}. ${installMlx(python)}`);
  if (failed)
    throw new CommandError(3, `${python} cannot tell its mlx_lm: ${stderr.trim() || `exit ${exitCode}`}. ${next}`);
  const answer = facts.safeParse(parse(stdout));
  if (!answer.success)
    throw new CommandError(3, `${python} ${script} printed no facts: ${stdout.slice(0, 200)}. ${next}`);
  return answer.data;
}

const next =
  'Set `python` in phasebox.yaml (or PHASEBOX_PYTHON) to a Python >= 3.11 with mlx-lm, then `phasebox doctor`.';

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // told as "no facts", with the text
  }
}
