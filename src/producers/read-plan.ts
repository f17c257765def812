import { type Lookups, withEarlier } from '../core/config/lookups.ts';
import { formatProblems } from '../core/config/problem.ts';
import { readConfig } from '../core/config/read-config.ts';
import type { PlanReader } from './accept.ts';

/** Reads configs with these lookups. Problems are returned as text for people. */
export function planReader(lookups: Lookups): PlanReader {
  return async (bytes, file, earlier = []) => {
    const result = await readConfig(bytes, file, earlier.length === 0 ? lookups : withEarlier(lookups, earlier));
    if (!result.ok) return { ok: false, reasons: formatProblems(file, result.problems) };
    const { phase, config, runs, warnings, transient = [] } = result;
    return { ok: true, plan: { phase: phase.phase, config, runs, warnings, transient } };
  };
}
