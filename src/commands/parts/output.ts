import { printableLines, printableLog } from '../../core/printable.ts';

/** Text for people on stdout: what names, keys or messages hold cannot move the cursor. */
export const print = (text: string): void => void process.stdout.write(printableLines(text));

/** The same on stderr. */
export const printError = (text: string): void => void process.stderr.write(printableLines(text));

/** A part of a tool's log on stdout: nothing that the tool wrote rings or moves the cursor further than to the line's start. */
export const printLog = (text: string): void => void process.stdout.write(printableLog(text));

/** A file that is printed: byte for byte into a pipe or a file, as text for people on a terminal. */
export const printFile = (text: string): void =>
  void process.stdout.write(process.stdout.isTTY ? printableLines(text) : text);

/** Resolves when all that was printed has left this process; with the error of the output if it has not. */
export const printed = (): Promise<Error | null> =>
  new Promise((resolve) => process.stdout.write('', (error) => resolve(error ?? null)));
