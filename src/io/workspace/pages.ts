import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { groupRuns, type PhaseOnPage } from '../../core/compare/groups.ts';
import type { PromptScores } from '../../core/compare/prompts.ts';
import { summarise } from '../../core/compare/summary.ts';
import { tellingAnswer } from '../../core/compare/telling.ts';
import { DamagedFile } from '../../core/errors.ts';
import { type AnsweredRun, quoteOf, renderAnswers } from '../../core/page/answers-page.ts';
import { renderCustody } from '../../core/page/custody-page.ts';
import { renderHow } from '../../core/page/how-page.ts';
import { renderComparison } from '../../core/page/report.ts';
import type { Quote } from '../../core/page/report-prompts.ts';
import { criteria } from '../../events/phase.ts';
import type { Row } from '../../events/row.ts';
import { hasCode, writeWhole } from '../disk/files.ts';
import { drawPlots, plotsThere } from '../page/draw-plots.ts';
import { writeHtml } from '../page/write-html.ts';
import { openScoreReader, readAnswered, type ScoreReader } from './answered-runs.ts';
import { livingBrokerNote } from './broker-note.ts';
import { readPhaseRecord } from './phase-store.ts';
import { readResults } from './results-file.ts';
import { writeComparison } from './results-store.ts';

/** What was written, and what could not be shown. */
export interface Pages {
  /** artifacts/COMPARISON.md */
  readonly path: string;
  /** The comparison as rendered, without what a person wrote around it. */
  readonly rendered: string;
  readonly warnings: readonly string[];
}

/** The parts of phase.json that the page shows; the record itself was checked when it was written. */
const shown = z.object({
  title: z.string().nullish(),
  hypothesis: z.string().nullish(),
  criteria: criteria.nullish(),
});

interface Found {
  readonly phases: readonly PhaseOnPage[];
  readonly warnings: readonly string[];
}

async function subfolders(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  });
  return entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.')).map(({ name }) => name);
}

/** Phases in order of acceptance. A record that cannot be read costs the page that phase's title, not the page. */
export async function readPhases(artifacts: string): Promise<Found> {
  const phases: PhaseOnPage[] = [];
  const warnings: string[] = [];
  for (const name of await subfolders(artifacts)) {
    const path = join(artifacts, name, 'phase.json');
    try {
      const record = await readPhaseRecord(join(artifacts, name));
      if (record === null) continue;
      const { phase, accepted, runs, config } = record;
      if (phase !== name) throw new DamagedFile(path, `it is the record of phase ${phase}`);
      const { title, hypothesis, criteria: written } = shown.parse(config);
      phases.push({
        phase,
        accepted,
        runs,
        title: title ?? null,
        hypothesis: hypothesis ?? null,
        criteria: written ?? null,
      });
    } catch (error) {
      const why =
        error instanceof z.ZodError
          ? z.prettifyError(error)
          : error instanceof DamagedFile
            ? error.reason
            : String(error);
      warnings.push(`${path} cannot be read, so title, gate and outcomes of its phase are not shown: ${why}`);
    }
  }
  // ISO times of one kind sort as text; the name settles what was accepted in one millisecond
  const key = ({ accepted, phase }: PhaseOnPage) => `${accepted} ${phase}`;
  return { phases: phases.sort((a, b) => (key(a) < key(b) ? -1 : 1)), warnings };
}

async function writeAnswersPage(artifacts: string, phase: PhaseOnPage, rows: readonly Row[]): Promise<void> {
  const runs: AnsweredRun[] = [];
  for (const row of rows) {
    const answered = await readAnswered(join(artifacts, phase.phase, row.run));
    if (answered !== null) runs.push(answered);
  }
  if (runs.length > 0) await writeWhole(answersFile(artifacts, phase), renderAnswers({ ...phase, runs }));
}

const answersFile = (artifacts: string, { phase }: PhaseOnPage): string => join(artifacts, phase, 'answers.md');

async function withAnswers(artifacts: string, phases: readonly PhaseOnPage[]): Promise<Set<string>> {
  const found = await Promise.all(
    phases.map((phase) =>
      stat(answersFile(artifacts, phase)).then(
        (file) => (file.isFile() ? [phase.phase] : []),
        () => [],
      ),
    ),
  );
  return new Set(found.flat());
}

/** What all done runs scored, prompt by prompt. A prompt id that two suites give two categories has none. */
export interface ScoresOnPage {
  readonly prompts: ReadonlyMap<string, PromptScores>;
  readonly categoryOf: (prompt: string) => string | null;
}

/** Reads what the rows' runs scored; runs whose manifest is gone are left out. */
export async function readScores(
  artifacts: string,
  rows: readonly Row[],
  reader: ScoreReader = openScoreReader(),
): Promise<ScoresOnPage> {
  const prompts = new Map<string, PromptScores>();
  const categories = new Map<string, string | null>();
  for (const row of rows.filter(({ status }) => status === 'done')) {
    const known = await reader.read(artifacts, row);
    if (known === null) continue;
    prompts.set(row.run, known.prompts);
    for (const [id, category] of known.categories)
      categories.set(id, (categories.get(id) ?? category) === category ? category : null);
  }
  return { prompts, categoryOf: (prompt) => categories.get(prompt) ?? null };
}

/** One answer that is worth reading, with its text. */
async function readQuote(artifacts: string, phases: readonly PhaseOnPage[], given: Given): Promise<Quote | null> {
  const groups = groupRuns(given.rows, phases, given.prompts);
  const telling = tellingAnswer(groups);
  const row = given.rows.find(({ run }) => run === telling?.run);
  if (telling === null || row === undefined) return null;
  const answered = await readAnswered(join(artifacts, row.phase, row.run));
  return answered === null ? null : quoteOf(answered, telling);
}

interface Given extends Pick<ScoresOnPage, 'prompts'> {
  readonly rows: readonly Row[];
}

export interface PageOptions {
  /** The phases whose answers may have changed; absent: all. */
  readonly only?: ReadonlySet<string>;
  readonly reader?: ScoreReader;
  /** False: the text alone, with the plots that are there; plots and HTML come with a later call. */
  readonly pictures?: boolean;
}

/**
 * Renders artifacts/COMPARISON.md, how.md, runs.md, the plots and the answers.md of the phases from what is on disk; and
 * report.html and its siblings from these.
 */
export async function writePages(
  { artifacts, state }: { readonly artifacts: string; readonly state?: string },
  { only, reader, pictures = true }: PageOptions = {},
): Promise<Pages> {
  const { rows, damaged } = await readResults(artifacts);
  const { phases, warnings } = await readPhases(artifacts);
  for (const phase of phases.filter(({ phase }) => only === undefined || only.has(phase))) {
    const done = rows.filter((row) => row.phase === phase.phase && row.status === 'done');
    await writeAnswersPage(artifacts, phase, done);
  }
  const torn = damaged.map(({ line, why }) => `line ${line} of results.jsonl is left out: ${why}`);
  const answers = await withAnswers(artifacts, phases);
  const scores = await readScores(artifacts, rows, reader);
  const quote = await readQuote(artifacts, phases, { rows, prompts: scores.prompts });
  const summaries = groupRuns(rows, phases, scores.prompts).map(summarise);
  const plots = pictures ? await drawPlots(artifacts, { rows, summaries }) : null;
  const rendered = renderComparison({
    rows,
    phases,
    answers,
    damaged: torn,
    trouble: state === undefined ? null : await livingBrokerNote(state),
    ...scores,
    quote,
    plots: plots ?? (await plotsThere(artifacts)),
  });
  await writeWhole(join(artifacts, 'how.md'), renderHow());
  await writeWhole(join(artifacts, 'runs.md'), renderCustody(rows));
  const path = await writeComparison(artifacts, rendered);
  const changed = [...answers].filter((phase) => only === undefined || only.has(phase));
  const pages = ['COMPARISON.md', 'how.md', 'runs.md', ...changed.map((phase) => join(phase, 'answers.md'))];
  if (plots !== null) await writeHtml(artifacts, pages, plots);
  return { path, rendered, warnings: [...torn, ...warnings] };
}
