import type { RehearsalResult } from '../../events/rehearsal.ts';
import { listSome } from '../format.ts';
import { groupBy } from '../group-by.ts';
import { rehearsalText } from '../run/rehearsal-words.ts';
import { asText, code } from './markdown.ts';

/** A run that has not started, and what its rehearsal found. */
export interface RehearsedRun {
  readonly run: string;
  readonly result: RehearsalResult;
}

const heldNote = `Held runs do not start. Correct what is wrong, then ${code('phasebox retry RUN')} rehearses the run again.`;

/** What the rehearsals found about runs that have not started. Runs with the same result are one line, held ones first. */
export function rehearsals(runs: readonly RehearsedRun[]): string {
  const isHeld = ({ result }: RehearsedRun): boolean => result.error !== null;
  const sorted = [...runs.filter(isHeld), ...runs.filter((run) => !isHeld(run))];
  const groups = groupBy(sorted, (run) => `${isHeld(run) ? '**held**. ' : ''}${asText(textOf(run))}`);
  const lines = [...groups].map(([text, own]) => `- ${listSome(own.map(({ run }) => asText(run)))}: ${text}`);
  return [...(runs.some(isHeld) ? [heldNote] : []), lines.join('\n')].filter((text) => text !== '').join('\n\n');
}

const textOf = ({ result }: RehearsedRun): string =>
  [rehearsalText(result), ...(result.warnings ?? []).map((text) => `warning: ${text}`)].join('. ');
