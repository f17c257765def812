/** Python reads and writes UTF-8 whatever LANG says: mlx_lm and our drivers open files without an encoding. */
export const pythonEnv = { PYTHONUTF8: '1' } as const;

/** Environment of every tool. Without COLUMNS, mlx_lm >= 0.32 cuts its table to the width of `up`'s terminal. */
export function toolEnv(env: Readonly<Record<string, string>>): Record<string, string> {
  return { COLUMNS: '120', ...env, ...pythonEnv, PYTHONUNBUFFERED: '1', HF_HUB_OFFLINE: '1' };
}
