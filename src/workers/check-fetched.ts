import { checkPrompts } from '../core/config/check-prompts.ts';
import { suiteReader } from '../core/config/check-settings.ts';
import { pathText } from '../core/config/problem.ts';
import { StageError } from '../core/errors.ts';
import { openLookups } from '../io/workspace/lookups.ts';
import type { Shelved } from '../io/workspace/shelf.ts';
import type { Runtime } from './runtime.ts';

/**
 * What acceptance could not check of a run whose model was not here yet (`download: true`), now that it is in `folder`:
 * why the run cannot work, before its first stage. Null: nothing is wrong.
 */
export async function refusalOfFetched(runtime: Runtime, { run }: Shelved, folder: string): Promise<StageError | null> {
  const lookups = openLookups({ ...runtime.workspace, python: runtime.python });
  const here = { ...run, model: run.model === null ? null : { ...run.model, folder } };
  const { findings, warnings } = await checkPrompts([here], lookups, suiteReader(lookups));
  for (const text of warnings) runtime.log.warn({ run: run.run }, text);
  if (findings.length === 0) return null;
  const reasons = findings.map(({ path, message, hint }) => `${pathText(path)}: ${message}. ${hint ?? ''}`.trim());
  return new StageError('BAD_SETTINGS', reasons.join('\n'));
}
