import { CommandError } from '../../core/errors.ts';
import { diskErrorOf } from '../../io/host/disk-errors.ts';

/** What is wrong and what to do. `workspace` is used for a path that the system does not name. */
export async function errorText(error: unknown, workspace: string): Promise<string> {
  const isKnown = error instanceof CommandError;
  const refused = await diskErrorOf(isKnown ? error.cause : error, workspace);
  const what = isKnown ? error.message : (refused?.what ?? unexpected(error));
  return [what, ...(refused === null ? [] : [refused.todo])].join('\n');
}

const unexpected = (error: unknown): string =>
  `phasebox itself failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
