import type { Row } from '../../events/row.ts';
import { asText } from './markdown.ts';
import { type Group, groupRuns, type PhaseOnPage } from './report-groups.ts';
import { failures, taught, warnings } from './report-notes.ts';
import { costTable, modeTable, runTable } from './report-runs.ts';
import { phaseTable, registered, sentence, title } from './report-summary.ts';

/** What the page is made of; the same input gives the same page. */
export interface Comparison {
  /** In order of acceptance. */
  readonly rows: readonly Row[];
  readonly phases: readonly PhaseOnPage[];
  /** Phases that have an answers.md. */
  readonly answers: ReadonlySet<string>;
  /** Lines of results.jsonl that are no rows, in words. */
  readonly damaged: readonly string[];
}

const reading =
  'Scores are in percent. *overall*: mean over all prompts by the lenient rules; in brackets by the strict ones ' +
  '(whole identifiers, no points for prose). *How they answered*: how many answers went which way; a way that no answer ' +
  'of any run went has no column. *gate* and *outcome* of a phase ' +
  'are those of the mean of its done runs, as written down before the first run. *temp disk*: what the run needed beside what stays. GB = 2^30 bytes.';

function answerLinks(groups: readonly Group[], answers: ReadonlySet<string>): string {
  const phases = [...new Set(groups.map((group) => group.phase.phase))].filter((phase) => answers.has(phase));
  const links = phases.map((phase) => `[${asText(phase)}](${encodeURIComponent(phase)}/answers.md)`);
  return links.length === 0 ? '' : `Every answer, readable: ${links.join(', ')}`;
}

/** The comparison document as Markdown: what goes between the marks of COMPARISON.md. */
export function renderComparison({ rows, phases, answers, damaged }: Comparison): string {
  const groups = groupRuns(rows, phases);
  const sections: readonly (readonly [heading: string, text: string])[] = [
    ['', title(groups)],
    ['', groups.map(sentence).join('\n')],
    ['## Phases', groups.length === 0 ? '' : phaseTable(groups)],
    ['', registered(groups)],
    ['## Runs', rows.length === 0 ? '' : runTable(rows)],
    ['### How they answered', modeTable(rows)],
    ['', answerLinks(groups, answers)],
    ['## Failed and cancelled', failures(rows)],
    ['## Before you believe it', warnings(rows, damaged)],
    ['## What was taught', taught(rows)],
    ['## Time and disk', rows.length === 0 ? '' : costTable(rows)],
    ['', rows.length === 0 ? '' : reading],
  ];
  const parts = sections.flatMap(([heading, text]) => (text === '' ? [] : heading === '' ? [text] : [heading, text]));
  return `${parts.join('\n\n')}\n`;
}
