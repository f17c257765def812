import type { Group } from '../compare/groups.ts';
import { promptTable, type TellingAnswer, tellingPrompts } from '../compare/prompts.ts';
import { listSome } from '../format.ts';
import { asText } from './markdown.ts';

/** An answer with its prompt, as the page quotes it. */
export interface Quote extends TellingAnswer {
  /** The model's answer (thoughts included), unchanged. */
  readonly text: string;
  /** What would have scored, in words. It is null if the suite is gone or has changed. */
  readonly expected: string | null;
}

const named = (ids: readonly string[]): string => listSome(ids.map(asText));

/** Prompts that all runs miss, and prompts that only one run gets right. */
export function promptNotes(groups: readonly Group[]): string {
  return groups
    .flatMap((group) => {
      const answered = promptTable(group);
      const { missedByAll, onlyOne } = tellingPrompts(answered);
      const { runs } = answered;
      const all =
        runs.length === 1
          ? `${asText(runs[0] ?? '')} misses`
          : `${runs.length === 2 ? 'both' : `all ${runs.length}`} runs of ${asText(group.name)} miss`;
      return [
        ...(missedByAll.length === 0 ? [] : [`- Prompts that ${all}: ${named(missedByAll)}.`]),
        ...[...onlyOne].map(([run, ids]) => `- Prompts that only ${asText(run)} gets: ${named(ids)}.`),
      ];
    })
    .join('\n');
}

const longest = 240;

/** One telling answer, on one line. It may be the error of a request that got no answer. */
export function quoted(quote: Quote | null): string {
  if (quote === null) return '';
  const line = quote.text.replace(/\s+/g, ' ').trim();
  const shown = line.length > longest ? `${line.slice(0, longest)} ...` : line;
  const about = [
    ...(quote.mode === null ? [] : [`mode ${quote.mode}`]),
    ...(quote.expected === null ? [] : [`expected: ${asText(quote.expected)}`]),
  ];
  const facts = about.length === 0 ? '' : ` (${about.join('; ')})`;
  const said = shown === '' ? '*nothing*' : asText(shown);
  return `> A missed prompt, ${asText(quote.prompt)}, and the answer of ${asText(quote.run)}${facts}: ${said}`;
}
