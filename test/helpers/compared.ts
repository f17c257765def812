import { groupRuns, type PhaseOnPage } from '../../src/core/compare/groups.ts';
import { type Summary, summarise } from '../../src/core/compare/summary.ts';
import { criteria } from '../../src/events/phase.ts';
import type { Row } from '../../src/events/row.ts';
import type { PromptScores } from '../../src/events/score.ts';
import { makeRow } from './rows.ts';

const phaseNamed = (phase: string): PhaseOnPage => ({
  phase,
  title: null,
  hypothesis: null,
  criteria: criteria.parse({ gate: 'overall >= 60' }),
  accepted: '2026-11-21T22:14:05.000Z',
  runs: [],
});

/** Rows `a-s0`, `a-s1` ... with these scores, each judged by the gate. */
export const rowsOf = (phase: string, scores: readonly number[], changed: Partial<Row> = {}): Row[] =>
  scores.map((overall, seed) =>
    makeRow({ phase, run: `${phase}-s${seed}`, seed, overall, verdict: overall >= 60 ? 'pass' : 'fail', ...changed }),
  );

/** Points of prompts p0, p1 ... */
export const points = (...scores: readonly number[]): PromptScores =>
  scores.map((score, index) => ({
    id: `p${index}`,
    repeat: 0,
    score,
    strict: 0,
    mode: score > 0 ? 'wrapped' : 'prose',
  }));

/** What is said of each phase and variant of these rows. */
export function summaries(rows: readonly Row[], prompts: ReadonlyMap<string, PromptScores> = new Map()): Summary[] {
  const phases = [...new Set(rows.map(({ phase }) => phase))].map(phaseNamed);
  return groupRuns(rows, phases, prompts).map(summarise);
}

/** What is said of the first. */
export const one = (rows: readonly Row[], prompts?: ReadonlyMap<string, PromptScores>): Summary => {
  const [first] = summaries(rows, prompts);
  if (first === undefined) throw new Error('no group');
  return first;
};
