import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Group, groupRuns, type PhaseOnPage } from '../../core/compare/groups.ts';
import { tellingAnswer } from '../../core/compare/prompts.ts';
import { figure, summarise } from '../../core/compare/summary.ts';
import { type AnsweredRun, quoteOf, renderAnswers } from '../../core/page/answers-page.ts';
import { renderCustody, renderLatestCustody } from '../../core/page/custody-page.ts';
import { renderComparison } from '../../core/page/report.ts';
import type { Quote } from '../../core/page/report-prompts.ts';
import { latestAndBest, mostShown, selectForPage } from '../../core/page/shown.ts';
import type { Row } from '../../events/row.ts';
import { readAnswered } from '../artifacts/answered-runs.ts';
import { missingRuns } from '../artifacts/removed-runs.ts';
import { readResults } from '../artifacts/results-file.ts';
import { writeComparison } from '../artifacts/results-store.ts';
import { writeWhole } from '../disk/files.ts';
import { inParallel } from '../disk/in-parallel.ts';
import { packageRoot } from '../host/package-root.ts';
import { livingBrokerNote } from '../workspace/state-files.ts';
import { captionsOf, drawPlots, planPlots } from './draw-plots.ts';
import { readPhases, readScores } from './page-input.ts';
import { rehearsedRuns } from './rehearsed-runs.ts';
import { writeHtml } from './write-html.ts';

/** What was written, and what could not be shown. */
export interface Pages {
  /** artifacts/COMPARISON.md */
  readonly path: string;
  /** The rendered comparison, without what a person wrote around it. */
  readonly rendered: string;
  readonly warnings: readonly string[];
}

async function writeAnswersPage(artifacts: string, phase: PhaseOnPage, rows: readonly Row[]): Promise<void> {
  const runs: AnsweredRun[] = [];
  for (const row of latestAndBest(rows, figure)) {
    const answered = await readAnswered(join(artifacts, phase.phase, row.run));
    if (answered !== null) runs.push(answered);
  }
  const of = rows.length <= mostShown ? runs.length : rows.length;
  if (runs.length > 0) await writeWhole(answersFile(artifacts, phase), renderAnswers({ ...phase, runs, of }));
}

const answersFile = (artifacts: string, { phase }: PhaseOnPage): string => join(artifacts, phase, 'answers.md');

async function withAnswers(artifacts: string, phases: readonly PhaseOnPage[]): Promise<Set<string>> {
  const found = await inParallel(phases, async (phase) => {
    const file = await stat(answersFile(artifacts, phase)).catch(() => null);
    return file?.isFile() ? [phase.phase] : [];
  });
  return new Set(found.flat());
}

/** One answer that is worth reading, with its text. */
async function readQuote(artifacts: string, groups: readonly Group[]): Promise<Quote | null> {
  const telling = tellingAnswer(groups);
  const row = groups.flatMap(({ done }) => done).find(({ run }) => run === telling?.run);
  if (telling === null || row === undefined) return null;
  const answered = await readAnswered(join(artifacts, row.phase, row.run));
  return answered === null ? null : quoteOf(answered, telling);
}

interface Workspace {
  readonly artifacts: string;
  readonly state?: string;
}

/**
 * Writes COMPARISON.md, how.md, runs.md, plots and answers.md from the files on disk, and HTML from these. Of many runs
 * it shows the latest and the best. `only`: phases whose answers may have changed. If absent, all.
 */
export async function writePages(workspace: Workspace, only?: ReadonlySet<string>): Promise<Pages> {
  const { artifacts } = workspace;
  const { rows, damaged } = await readResults(artifacts);
  const { phases, warnings } = await readPhases(artifacts);
  const torn = damaged.map(({ line, why }) => `line ${line} of results.jsonl is left out: ${why}`);
  const due = phases.filter(({ phase }) => only === undefined || only.has(phase));
  for (const phase of due) {
    const done = rows.filter((row) => row.phase === phase.phase && row.status === 'done');
    await writeAnswersPage(artifacts, phase, done);
  }
  const { path, rendered, plots } = await writeTexts(workspace, { rows, phases, damaged: torn });
  const custody = { page: 'runs.md', markdown: renderLatestCustody(rows) };
  const answers = [...(await withAnswers(artifacts, due))].map((phase) => ({ page: join(phase, 'answers.md') }));
  const pages = [{ page: 'COMPARISON.md' }, { page: 'how.md' }, custody, ...answers];
  await writeHtml(artifacts, pages, await drawPlots(artifacts, plots));
  return { path, rendered, warnings: [...torn, ...warnings] };
}

interface PageRows {
  readonly rows: readonly Row[];
  readonly phases: readonly PhaseOnPage[];
  readonly damaged: readonly string[];
}

/** The pages as Markdown: they take a tenth of a second, and plots and HTML ten times that. */
async function writeTexts({ artifacts, state }: Workspace, known: PageRows) {
  const { rows, phases } = known;
  const all = groupRuns(rows, phases);
  const shown = new Map(selectForPage(rows, all).groups.map(({ phase }) => [phase.phase, phase]));
  const onPage = rows.filter(({ phase }) => shown.has(phase));
  const scores = await readScores(artifacts, onPage);
  const groups = selectForPage(rows, groupRuns(rows, phases, scores.prompts)).groups;
  const plots = await planPlots(artifacts, {
    rows,
    summaries: groups.map(summarise),
    phases: all.filter(({ overall, strict }) => overall !== null || strict !== null).length,
  });
  const answers = await withAnswers(artifacts, [...shown.values()]);
  const withRow = new Set(rows.map(({ run }) => run));
  const missing = await inParallel(phases, (phase) => missingRuns(artifacts, phase, (run) => withRow.has(run)));
  const rendered = renderComparison({
    ...known,
    ...scores,
    answers,
    missing: missing.flat(),
    rehearsed: state === undefined ? [] : await rehearsedRuns(artifacts, state, { phases, withRow }),
    trouble: state === undefined ? null : await livingBrokerNote(state),
    quote: await readQuote(artifacts, groups),
    plots: captionsOf(plots),
  });
  await writeWhole(join(artifacts, 'how.md'), await readFile(join(packageRoot().folder, 'templates/how.md'), 'utf8'));
  await writeWhole(join(artifacts, 'runs.md'), renderCustody(rows));
  return { path: await writeComparison(artifacts, rendered), rendered, plots };
}
