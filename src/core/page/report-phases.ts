import type { Row } from '../../events/row.ts';
import { figure, type Summary } from '../compare/summary.ts';
import { none, percent, time } from '../format.ts';
import { oneMoreDraw } from '../stats/difference.ts';
import { allSame } from '../stats/moments.ts';
import { asText, table } from './markdown.ts';
import { basesOf } from './report-runs.ts';
import { gateText, meanText, pValue, rangeText, span } from './report-words.ts';

function lowestToHighest({ runs }: Summary): string {
  const values = runs.map(({ overall }) => overall);
  return values.length < 2 ? none : `${percent(Math.min(...values))} - ${percent(Math.max(...values))}`;
}

/** The time when all criteria were set, or null if the times differ: then each line has its own. */
function fixedAtOnce(summaries: readonly Summary[]): string | null {
  const times = new Set(summaries.map(({ group }) => time(group.phase.accepted)));
  const [only] = times;
  return times.size === 1 && only !== undefined ? only : null;
}

function phaseLine(summary: Summary, atOnce: string | null): string[] {
  const { group, gate, newPrompts, thisModel } = summary;
  const { title } = group.phase;
  const range = rangeText(summary);
  const { outcome } = group.judgement;
  const fixed = atOnce === null ? ` (criteria set ${time(group.phase.accepted)})` : '';
  return [
    asText(title === null || group.variant !== null ? group.name : `${group.name} ${title}`),
    `${group.done.length} of ${group.accepted}`,
    `**${meanText(summary)}**`,
    gate === null ? none : gateText(gate),
    outcome === null ? none : `${asText(outcome)}${fixed}`,
    range === '' ? none : range,
    newPrompts === null ? none : span(newPrompts),
    thisModel === null ? none : span(thisModel),
    lowestToHighest(summary),
  ];
}

function referenceLine(name: string, overall: number | null, what: string): string[] {
  return [asText(name), none, percent(overall), none, none, what, none, none, none];
}

/** A reference with a single score: could it be one more run of this recipe? Only a figure on the same suite could be. */
function drawn({ draws }: Summary, { overall, comparable }: NonNullable<Row['baseline']>): string {
  if (comparable === false) return 'a single score, on another suite: not comparable';
  const what = comparable === null ? 'a single score, on an unknown suite' : 'a single score';
  const scores = draws.map((run) => run.overall);
  const draw = overall === null || allSame(scores) ? null : oneMoreDraw(overall, scores);
  if (draw === null) return what;
  const differs = `${draw.p < 0.05 ? 'differs' : 'does not differ'} significantly from the runs`;
  return `${what}. ${comparable === null ? 'If it is comparable, it' : 'It'} ${differs} (${pValue(draw.p)})`;
}

function references(summaries: readonly Summary[]): string[][] {
  const lines = summaries.flatMap((summary) => {
    const row = summary.group.done.find(({ baseline }) => baseline !== null);
    if (row?.baseline == null) return [];
    const { name, overall } = row.baseline;
    // A phase of this workspace has runs and a line of its own.
    const own = summaries.some(({ group }) => group.phase.phase.toLowerCase() === name.toLowerCase());
    return own
      ? []
      : [referenceLine(`${name}, reference of ${summary.group.name}`, overall, drawn(summary, row.baseline))];
  });
  return [...new Map(lines.map((line) => [line[0] ?? '', line])).values()];
}

/** One line per phase and variant. Base models and references are below. */
export function phaseTable(summaries: readonly Summary[]): string {
  const strict = summaries.some(({ group }) => group.done.some((row) => row.score_by === 'strict'));
  const atOnce = fixedAtOnce(summaries);
  const head = [
    'phase',
    'runs done',
    strict ? 'score of the gate, mean ± sd' : 'overall, mean ± sd',
    'gate',
    atOnce === null ? 'outcome' : `outcome (criteria set ${atOnce})`,
    '95 % confidence interval of the mean',
    '95 % interval on new prompts',
    '95 % interval on new prompts (phase with one run: only this model)',
    'lowest - highest',
  ];
  const rows = summaries.flatMap(({ group }) => group.rows);
  return table(head, [
    ...summaries.map((summary) => phaseLine(summary, atOnce)),
    ...basesOf(rows).map(({ name, base, isStrict }) =>
      referenceLine(name, isStrict ? base.strict : base.overall, none),
    ),
    ...references(summaries),
  ]);
}

/** What the intervals leave out, said once: it matters if there are few runs. */
export function rangeNotes(summaries: readonly Summary[]): string {
  const few = summaries.filter(({ draws }) => draws.length >= 2 && draws.length < 5);
  const one = summaries.filter(({ runs }) => runs.length === 1);
  const mixed = summaries.some(({ group }) => group.done.some((row) => figure(row) === null));
  return [
    ...(few.length > 0
      ? [
          'If the scores form two clusters, the 95 % confidence interval of the mean can miss the mean in 1 of 4 cases with fewer than 5 runs. If few runs fall into one of the clusters, this interval can miss the mean in 1 of 3 cases, even with 5 runs.',
        ]
      : []),
    ...(one.length === 0 ? [] : [oneRunNote(one)]),
    ...(mixed ? ['Runs without a score are not included in the mean.'] : []),
  ].join(' ');
}

function oneRunNote(one: readonly Summary[]): string {
  const subject = one.length === 1 ? 'One phase has' : `${one.length === 2 ? 'Two' : one.length} phases have`;
  const shown = one.some(({ thisModel }) => thisModel !== null);
  const [each, its] =
    one.length === 1
      ? ['', 'Its interval on new prompts describes only the model of that run,']
      : [' each', 'For such a phase, the interval on new prompts describes only the model of its one run,'];
  const what = shown ? `${its} and` : 'One score';
  return `${subject} only one done run${each}. ${what} does not predict the score of another seed.`;
}
