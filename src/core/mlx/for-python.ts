import { shellWord } from '../shell.ts';

/** Advice with `python -m pip ...` for the right Python: packages of another one would not help. */
export const forPython = (advice: string, python: string): string =>
  advice.replaceAll(/(?<![\w/.-])python -m /g, () => `${shellWord(python)} -m `);
