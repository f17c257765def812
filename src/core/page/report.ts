import type { Row } from '../../events/row.ts';
import type { PromptScores } from '../../events/score.ts';
import { contrast, pairsOf } from '../compare/contrast.ts';
import { type Group, groupRuns, type PhaseOnPage } from '../compare/groups.ts';
import { summarise } from '../compare/summary.ts';
import { asText } from './markdown.ts';
import { contrastText } from './report-contrasts.ts';
import { nextSteps } from './report-next.ts';
import { costs, failures, taught, warnings } from './report-notes.ts';
import { phaseTable, rangeNotes } from './report-phases.ts';
import { promptNotes, type Quote, quoted } from './report-prompts.ts';
import { type RehearsedRun, rehearsals } from './report-rehearsals.ts';
import { categoryModeTable, runTable, timeTable } from './report-runs.ts';
import { registered, title, verdicts } from './report-verdicts.ts';
import { selectForPage, shownText } from './shown.ts';

/** The data of the page. The same input gives the same page. */
export interface Comparison {
  readonly rows: readonly Row[];
  readonly phases: readonly PhaseOnPage[];
  /** For each run: the score of each answer. */
  readonly prompts: ReadonlyMap<string, PromptScores>;
  /** The category of a prompt, or null if its suite is gone or has changed. */
  readonly categoryOf: (prompt: string) => string | null;
  readonly quote: Quote | null;
  readonly answers: ReadonlySet<string>;
  readonly plots: readonly { readonly file: string; readonly title: string }[];
  /** Lines of results.jsonl that are not rows, in words. */
  readonly damaged: readonly string[];
  /** Accepted runs that have neither their folder nor a row. */
  readonly missing: readonly string[];
  /** Runs that were rehearsed and have not started. */
  readonly rehearsed?: readonly RehearsedRun[];
  /** Why no new run starts, as `up` last reported it. */
  readonly trouble?: { readonly since: string; readonly message: string } | null;
}

function links(groups: readonly Group[], answers: ReadonlySet<string>): string {
  const phases = [...new Set(groups.map((group) => group.phase.phase))].filter((phase) => answers.has(phase));
  const readable = phases.map((phase) => `[${asText(phase)}](${encodeURIComponent(phase)}/answers.md)`);
  const own = ['the [provenance of each run](runs.md)', '[how to read this report](how.md)'];
  return readable.length === 0
    ? `See ${own.join(' and ')}.`
    : `See all answers (${readable.join(', ')}), ${own.join(', and ')}.`;
}

/** If not all are shown: a sentence that says so and links to the others. */
function leftOutText(shown: number, of: number, what: string): string {
  const text = shownText(shown, of, what);
  return text === '' ? '' : `${text} All are in [runs](runs.md).`;
}

const troubleText = ({ since, message }: { since: string; message: string }): string =>
  `> **Since ${since.slice(0, 16).replace('T', ' ')} UTC:** ${asText(message)}`;

/** The comparison document as Markdown, answers first: what goes between the marks of COMPARISON.md. */
export function renderComparison(page: Comparison): string {
  const { rows, phases, answers, damaged } = page;
  const all = groupRuns(rows, phases, page.prompts);
  const { groups, runs, rows: shown, of } = selectForPage(rows, all);
  const summaries = groups.map(summarise);
  const contrasts = pairsOf(summaries).map((pair) => contrast(pair, summaries, page.categoryOf));
  const sections: readonly (readonly [heading: string, text: string])[] = [
    ['', title(all)],
    ['', page.trouble == null ? '' : troubleText(page.trouble)],
    ['', verdicts(summaries, contrasts)],
    ['', nextSteps(summaries, contrasts)],
    ['## Phases', groups.length === 0 ? '' : phaseTable(summaries)],
    ['', leftOutText(groups.length, of.groups, 'phases and variants')],
    ['', rangeNotes(summaries)],
    ['', registered(groups)],
    ['## Comparisons', contrasts.map(contrastText).join('\n\n')],
    ['## Runs', rows.length === 0 ? '' : runTable(runs)],
    ['', leftOutText(runs.length, of.runs, 'runs')],
    ['', categoryModeTable(runs)],
    ['', page.plots.map(({ file, title: name }) => `![${name}](${file})`).join('\n\n')],
    ['## Failed and cancelled', failures(rows, page.missing)],
    ['## Rehearsals', rehearsals(page.rehearsed ?? [])],
    ['## Warnings', warnings(shown, damaged)],
    ['## Prompts', [promptNotes(groups), quoted(page.quote)].filter((text) => text !== '').join('\n\n')],
    ['## Cost of fusing and quantizing', costs(runs)],
    ['## Training data', taught(shown)],
    ['## Time and disk', rows.length === 0 ? '' : timeTable(runs)],
    ['', rows.length === 0 ? '' : links(groups, answers)],
  ];
  const parts = sections.flatMap(([heading, text]) => (text === '' ? [] : heading === '' ? [text] : [heading, text]));
  return `${parts.join('\n\n')}\n`;
}
