import { fstat } from 'node:fs';
import { promisify } from 'node:util';
import type { Workspace } from '../../io/workspace/workspace.ts';
import { printError } from './output.ts';

const statOf = promisify(fstat);

/** Writes one warning to stderr. */
export const warn = (line: string): void => printError(`${line}\n`);

/**
 * Writes warnings to stderr for a command that also shows them on stdout. If both are the same terminal, file or pipe
 * (`2>&1`), it writes nothing, since a second copy would be noise.
 */
export async function warnOutsideOutput(): Promise<(line: string) => void> {
  return (await isOnePlace()) ? () => undefined : warn;
}

/** Doubtful settings in phasebox.yaml, on stderr. */
export function warnOfWorkspace({ warnings = [] }: Pick<Workspace, 'warnings'>): void {
  for (const text of warnings) warn(`phasebox.yaml: ${text}`);
}

async function isOnePlace(): Promise<boolean> {
  try {
    const [out, err] = await Promise.all([statOf(process.stdout.fd), statOf(process.stderr.fd)]);
    return out.dev === err.dev && out.ino === err.ino;
  } catch {
    // A closed descriptor is not a place.
    return false;
  }
}
