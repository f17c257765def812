import type { Criteria } from '../../events/phase.ts';
import type { Row } from '../../events/row.ts';
import type { PromptScores } from '../../events/score.ts';
import { type Judgement, judge } from '../config/criteria.ts';
import { groupBy } from '../group-by.ts';
import { figuresOf, mean, meanValues } from '../run/figures.ts';

/** A phase as the page needs it: what was accepted under its name. */
export interface PhaseOnPage {
  readonly phase: string;
  readonly title: string | null;
  readonly hypothesis: string | null;
  readonly criteria: Criteria | null;
  /** When gate and outcomes were written down (ISO). */
  readonly accepted: string;
  readonly runs: readonly string[];
}

/** Runs that differ only in their seed, judged together: a phase's plain runs, or those of one of its variants. */
export interface Group {
  readonly phase: PhaseOnPage;
  readonly variant: string | null;
  /** `43a`, `43a q4` */
  readonly name: string;
  /** Number of accepted runs, finished or not. */
  readonly accepted: number;
  readonly rows: readonly Row[];
  readonly done: readonly Row[];
  /** For each run, of this group or another: the score of each prompt. Runs without kept answers are absent. */
  readonly prompts: ReadonlyMap<string, PromptScores>;
  readonly overall: number | null;
  readonly strict: number | null;
  /** The verdict on the means of the done runs. */
  readonly judgement: Judgement;
}

/** `43a-s0.2-q4` of phase 43a -> `q4`; a plain run -> null. */
function variantOf(run: string, phase: string): string | null {
  return /^s\d+(?:\.\d+)?-(.+)$/.exec(run.slice(phase.length + 1))?.[1] ?? null;
}

function groupOf(phase: PhaseOnPage, variant: string | null, of: Pick<Group, 'rows' | 'prompts'>): Group {
  const rows = of.rows.filter((row) => row.variant === variant);
  const done = rows.filter((row) => row.status === 'done');
  let judgement: Judgement | undefined;
  const nothing = { verdict: null, outcome: null, reason: null };
  const names = new Set([
    ...phase.runs.filter((run) => variantOf(run, phase.phase) === variant),
    ...rows.map((row) => row.run),
  ]);
  return {
    phase,
    variant,
    name: variant === null ? phase.phase : `${phase.phase} ${variant}`,
    accepted: names.size,
    rows,
    done,
    prompts: of.prompts,
    overall: mean(done.map((row) => row.overall)),
    strict: mean(done.map((row) => row.strict)),
    // A page shows few of thousands of groups, and this takes most of the time.
    get judgement() {
      judgement ??=
        phase.criteria === null || done.length === 0 ? nothing : judge(phase.criteria, meanValues(done.map(figuresOf)));
      return judgement;
    },
  };
}

/** A phase of which only rows are left: its folder is gone, so its criteria are not known. */
function unrecorded(phase: string, own: readonly Row[]): PhaseOnPage {
  const accepted = own.map((row) => row.started ?? row.ended).sort()[0] ?? '';
  return { phase, title: null, hypothesis: null, criteria: null, accepted, runs: own.map((row) => row.run) };
}

/** All groups, with phases in order of acceptance and the plain runs of each first. */
export function groupRuns(
  rows: readonly Row[],
  phases: readonly PhaseOnPage[],
  prompts: ReadonlyMap<string, PromptScores> = new Map(),
): Group[] {
  const byPhase = groupBy(rows, ({ phase }) => phase);
  const known = new Set(phases.map(({ phase }) => phase));
  const orphans = [...byPhase].filter(([phase]) => !known.has(phase));
  const all = [...phases, ...orphans.map(([phase, own]) => unrecorded(phase, own))];
  return all.flatMap((phase) => {
    const own = byPhase.get(phase.phase) ?? [];
    const variants = new Set([
      ...phase.runs.map((run) => variantOf(run, phase.phase)),
      ...own.map((row) => row.variant),
    ]);
    const ordered = [...variants].sort((a, b) => Number(a !== null) - Number(b !== null));
    return ordered.map((variant) => groupOf(phase, variant, { rows: own, prompts }));
  });
}
