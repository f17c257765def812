/**
 * Python reads and writes UTF-8 whatever LANG and LC_ALL say: mlx_lm and our drivers open text files without an
 * encoding.
 */
export const pythonEnv = { PYTHONUTF8: '1' } as const;

/**
 * Environment of every tool, including the run's own. COLUMNS: otherwise the table of mlx_lm >= 0.32 is cut to the
 * width of the terminal in which `up` was started.
 */
export function toolEnv(env: Readonly<Record<string, string>>): Record<string, string> {
  return { COLUMNS: '120', ...env, ...pythonEnv, PYTHONUNBUFFERED: '1', HF_HUB_OFFLINE: '1' };
}
