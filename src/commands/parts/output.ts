import { fstat } from 'node:fs';
import { promisify } from 'node:util';
import { printableLines, printableLog } from '../../core/printable.ts';
import type { Workspace } from '../../io/workspace/workspace.ts';

/** Text for people on stdout. Names, keys and messages in it cannot move the cursor. */
export const print = (text: string): void => void process.stdout.write(printableLines(text));

export const printLine = (line: string): void => print(`${line}\n`);

/** `print` on stderr. */
export const printError = (text: string): void => void process.stderr.write(printableLines(text));

/** A part of a tool's log on stdout. It cannot ring the bell or move the cursor beyond the start of the line. */
export const printLog = (text: string): void => void process.stdout.write(printableLog(text));

/** A printed file: byte for byte into a pipe or a file, as text for people on a terminal. */
export const printFile = (text: string): void =>
  void process.stdout.write(process.stdout.isTTY ? printableLines(text) : text);

/** Resolves when all output has left this process, with the error of the output if there was one. */
export const printed = (): Promise<Error | null> =>
  new Promise((resolve) => process.stdout.write('', (error) => resolve(error ?? null)));

const statOf = promisify(fstat);

export const warn = (line: string): void => printError(`${line}\n`);

/** `warn`, or nothing if stdout shows them too and is the same terminal, file or pipe (`2>&1`). */
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
