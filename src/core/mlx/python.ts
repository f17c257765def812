import { shellWord } from '../shell.ts';

/** Python reads and writes UTF-8 whatever LANG says: mlx_lm and our drivers open files without an encoding. */
export const pythonEnv = { PYTHONUTF8: '1' } as const;

/** Environment of every tool. Without COLUMNS, mlx_lm >= 0.32 cuts its table to the width of `up`'s terminal. */
export function toolEnv(env: Readonly<Record<string, string>>): Record<string, string> {
  return { COLUMNS: '120', ...env, ...pythonEnv, PYTHONUNBUFFERED: '1', HF_HUB_OFFLINE: '1' };
}

/** Advice with `python -m pip ...` for the right Python: packages of another one would not help. */
export const forPython = (advice: string, python: string): string =>
  advice.replaceAll(/(?<![\w/.-])python -m /g, () => `${shellWord(python)} -m `);

/** Why Python's json module refuses a text before reading it, or null. */
export function refusedStart(text: string): string | null {
  if (text === '') return 'empty';
  return text.startsWith('\uFEFF')
    ? 'begins with a byte order mark (BOM), which mlx_lm cannot read; save it as UTF-8 without BOM'
    : null;
}
