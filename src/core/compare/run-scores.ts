import type { Row } from '../../events/row.ts';
import type { PromptScores } from '../../events/score.ts';
import { measuredAlike, type PartName } from '../score/measured.ts';
import { type PromptChanges, type PromptTable, pointsOf, promptChanges } from './prompts.ts';
import { figure } from './summary.ts';

/** One of two runs. `row` is null if the run is not finished, and `prompts` if the scores of its prompts are not kept. */
export interface ScoredRun {
  readonly run: string;
  readonly row: Row | null;
  readonly prompts: PromptScores | null;
}

/** The scores of two runs. Percent, by the scorer of their gates, or lenient if those differ. */
export interface RunScores {
  readonly score_by: Row['score_by'];
  /** Null without a score. */
  readonly a: number | null;
  readonly b: number | null;
  /** Prompts on which `b` scores more, less and the same as `a`. Null if they are not known of both. */
  readonly prompts: Pick<PromptChanges, 'fixed' | 'regressed' | 'same'> | null;
  /** What differs in how the two were evaluated. */
  readonly differ: readonly PartName[];
}

/** What two runs scored, and on which prompts `b` scores more or less than `a`. */
export function scoresOfRuns(a: ScoredRun, b: ScoredRun): RunScores {
  const rows = [a.row, b.row].flatMap((row) => row ?? []);
  const score_by = rows.every((row) => row.score_by === 'strict') ? 'strict' : 'lenient';
  const overall = ({ row }: ScoredRun): number | null => (row === null ? null : figure({ ...row, score_by }));
  return {
    score_by,
    a: overall(a),
    b: overall(b),
    prompts: changesOf(a, b, score_by),
    differ: measuredAlike(rows.filter(({ status }) => status === 'done')).differ,
  };
}

function changesOf(a: ScoredRun, b: ScoredRun, score_by: Row['score_by']): RunScores['prompts'] {
  if (a.prompts === null || b.prompts === null) return null;
  const { fixed, regressed, same } = promptChanges(
    tableOf(b.run, pointsOf(b.prompts, score_by)),
    tableOf(a.run, pointsOf(a.prompts, score_by)),
  );
  return { fixed, regressed, same };
}

const tableOf = (run: string, points: ReadonlyMap<string, number>): PromptTable => ({
  ids: [...points.keys()],
  runs: [run],
  points: [[...points.values()]],
});
