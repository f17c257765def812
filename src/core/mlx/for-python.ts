import { shellWord } from '../shell.ts';

/** Advice that says `python -m pip ...`, for the Python that is meant: another one's packages would not help. */
export const forPython = (advice: string, python: string): string =>
  advice.replaceAll(/(?<![\w/.-])python -m /g, () => `${shellWord(python)} -m `);
