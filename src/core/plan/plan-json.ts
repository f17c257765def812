import type { PlannedPhase } from './plan-text.ts';

/** What `plan --json` prints of one config. */
export function planJson({ file, phase, missing, warnings, prompts, runs }: PlannedPhase): Record<string, unknown> {
  const { criteria = null, baseline = null } = phase;
  return {
    ...{ file, phase: phase.phase, title: phase.title ?? null, missing, warnings, prompts, criteria, baseline },
    runs: runs.map(({ draft, train, data, stages, disk, sizeSource, times }) => ({
      ...{ run: draft.run, from: draft.from, chain: draft.chain, settings: draft.settings, train },
      data_check: data === null ? null : data.checked ? { checked: true, ...data.report } : data,
      stages: stages.map((one) => ({ ...one, seconds: times.seconds[one.stage] ?? null })),
      ...{ disk, size_source: sizeSource, earlier_runs: times.runs },
    })),
  };
}
