import { isAbsolute, join, sep } from 'node:path';
import { CommandError } from '../../core/errors.ts';
import { givenPath } from '../host/home.ts';
import { isExecutable, which } from '../host/which.ts';

/** What decides which Python is used: the workspace's root (absolute) and its `python` key. */
export interface PythonChoice {
  readonly root: string;
  readonly config: { readonly python?: string | undefined };
}

/**
 * The user's own Python: phasebox.yaml (or PHASEBOX_PYTHON), else the workspace's .venv, VIRTUAL_ENV, PATH. Nothing is
 * ever installed into it. Its path is not resolved: the Python of a virtual environment is a link that must be called
 * by its name.
 */
export async function findPython(workspace: PythonChoice): Promise<string> {
  const wanted = workspace.config.python;
  if (wanted !== undefined) {
    const path = wanted.includes(sep) ? givenPath(wanted, workspace.root) : await which([wanted]);
    if (path !== null && (await isExecutable(path))) return path;
    throw new CommandError(
      3,
      `python: ${wanted}${path === null || path === wanted ? '' : ` (${path})`} does not exist or cannot be run. Correct \`python\` in phasebox.yaml (or PHASEBOX_PYTHON).`,
    );
  }
  const environments = [join(workspace.root, '.venv'), process.env.VIRTUAL_ENV ?? ''].filter((folder) =>
    isAbsolute(folder),
  );
  for (const folder of environments) {
    const path = join(folder, 'bin', 'python');
    if (await isExecutable(path)) return path;
  }
  const path = (await which(['python3'])) ?? (await which(['python']));
  if (path !== null) return path;
  throw new CommandError(
    3,
    'No Python found (.venv, VIRTUAL_ENV, PATH). Install Python >= 3.11 with mlx_lm, then `phasebox init`.',
  );
}
