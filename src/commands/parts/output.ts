import { printableLines, printableLog } from '../../core/printable.ts';

/** Text for people on stdout. Names, keys and messages in it cannot move the cursor. */
export const print = (text: string): void => void process.stdout.write(printableLines(text));

/** The same on stderr. */
export const printError = (text: string): void => void process.stderr.write(printableLines(text));

/** A part of a tool's log on stdout. It cannot ring the bell or move the cursor beyond the start of the line. */
export const printLog = (text: string): void => void process.stdout.write(printableLog(text));

/** A printed file: byte for byte into a pipe or a file, as text for people on a terminal. */
export const printFile = (text: string): void =>
  void process.stdout.write(process.stdout.isTTY ? printableLines(text) : text);

/** Resolves when all output has left this process, with the error of the output if there was one. */
export const printed = (): Promise<Error | null> =>
  new Promise((resolve) => process.stdout.write('', (error) => resolve(error ?? null)));
