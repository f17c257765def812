import { printableLines, printableLog } from '../core/printable.ts';

/** Text for people on stdout: what names, keys or messages hold cannot move the cursor. */
export const print = (text: string): void => void process.stdout.write(printableLines(text));

/** The same on stderr. */
export const printError = (text: string): void => void process.stderr.write(printableLines(text));

/** A part of a tool's log on stdout: nothing that the tool wrote rings or moves the cursor further than to the line's start. */
export const printLog = (text: string): void => void process.stdout.write(printableLog(text));
