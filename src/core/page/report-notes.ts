import type { DataProfile } from '../../events/data-report.ts';
import { cancelled, type Row } from '../../events/row.ts';
import { catalogue } from '../errors.ts';
import { count, list, listSome, loss, none, percent, plural, share } from '../format.ts';
import { groupBy } from '../group-by.ts';
import { missingRunText } from '../run/row-words.ts';
import { measuredAlike, type PartName, partsOf, partText } from '../score/measured.ts';
import { taughtText } from '../taught-text.ts';
import { asSentence, asText, code, details, fence, table } from './markdown.ts';
import { mostShown } from './shown.ts';

const names = (rows: readonly Row[]): string => listSome(rows.map(({ run }) => asText(run)));

/** A text that several runs share is shown once: `43a-s0 and 43a-s1: ...`. */
function byText(entries: readonly (readonly [text: string, run: string])[]): string {
  const groups = [...groupBy(entries, ([text]) => text)];
  return groups.map(([text, own]) => `- ${listSome(own.map(([, run]) => asText(run)))}: ${text}`).join('\n');
}

function nextStep({ run, error }: Row): string {
  const retry = `${code(`phasebox retry ${run}`)} resumes after the last finished stage.`;
  if (error?.code === cancelled) return retry;
  const entry = Object.entries(catalogue).find(([name]) => name === error?.code)?.[1];
  if (entry === undefined) return `Read its log: ${code(`phasebox logs ${run}`)}`;
  const stage = error?.stage ?? 'STAGE';
  const next = entry.next.replaceAll('RUN', run).replaceAll('STAGE', stage);
  return entry.retry === 'never' ? next : `${next} ${retry}`;
}

function failure(row: Row): string {
  const { error, run } = row;
  if (error === null) return `### ${asText(run)}: ${row.status}`;
  const where = error.stage === null ? '' : `, ${error.stage} attempt ${error.attempt ?? 1}`;
  const log =
    error.log.length === 0
      ? []
      : [details(`The end of its log (${plural(error.log.length, 'line')})`, fence(error.log.join('\n')))];
  const title = error.code === cancelled ? 'cancelled' : `${row.status} (${error.code}${where})`;
  const parts = [`### ${asText(run)}: ${title}`, asText(error.message), `What to do: ${nextStep(row)}`, ...log];
  return parts.join('\n\n');
}

const latestOf = (all: number): string =>
  `The latest ${mostShown} of ${count(all)} are shown. The status of every run is in [runs](runs.md).`;

/** Runs that failed or were cancelled: what it means, what to do, and the last lines of the log. */
export function failures(rows: readonly Row[], missing: readonly string[]): string {
  const over = rows.filter((row) => row.status !== 'done');
  const shown = over.slice(-mostShown);
  const left = shown.length === over.length ? [] : [latestOf(over.length)];
  const deleted = missing.slice(-mostShown).map((run) => `- ${asText(missingRunText(run))}`);
  const more = missing.length > mostShown ? [`- ${count(missing.length - mostShown)} more like these`] : [];
  return [...left, ...shown.map(failure), [...deleted, ...more].join('\n')].filter((text) => text !== '').join('\n\n');
}

/** From this many points on, the report mentions the share of the lenient rules. */
const lenientGap = 5;

function scoreWarnings(row: Row): string[] {
  const gap = row.overall === null || row.strict === null ? 0 : row.overall - row.strict;
  return [
    ...(gap >= lenientGap
      ? [
          `${percent(gap)} of the ${percent(row.overall)} points come from the lenient rules alone (a name somewhere in the answer)`,
        ]
      : []),
    ...(row.verdict_reason === null ? [] : [`no verdict or outcome: ${asText(row.verdict_reason)}`]),
  ];
}

/** Scores under another suite, prompt or temperature are different scores. */
function unlike(rows: readonly Row[]): string[] {
  const exams = groupBy(rows, (row) => partsOf(row).exam);
  exams.delete(undefined);
  const sets = [...exams].map(([exam, own]) => `${names(own)} (${exam?.slice(0, 8)})`);
  const other =
    `- **Not measured alike**: suite, prompts or settings of the evaluation differ between ${list(sets)}. ` +
    'Scores of one set say nothing about those of another.';
  return [...(sets.length < 2 ? [] : [other]), ...[...exams.values()].flatMap(otherParts)];
}

/** Same suite and settings, but what the chat template made of them may differ, or may not be recorded. */
function otherParts(rows: readonly Row[]): string[] {
  const { differ, unrecorded } = measuredAlike(rows);
  const sets = (part: PartName): string => {
    const byHash = groupBy(rows, (row) => partsOf(row)[part]);
    byHash.delete(undefined);
    return list([...byHash].map(([hash, own]) => `${names(own)} (${hash?.slice(0, 8)})`));
  };
  return [
    ...differ.map(
      (part) =>
        `- **Not measured alike**: the ${partText(part)} of one base model differ between ${sets(part)}, although suite and ` +
        `settings are the same.${part === 'prompts' ? ' A chat template that prints the date does that.' : ''}`,
    ),
    ...unrecorded.map(
      ({ part, runs }) =>
        `- ${listSome(runs.map(asText))}: ${partText(part)} not recorded (an earlier version of phasebox); compared as if they were the same`,
    ),
  ];
}

/** The same recipe, seed and evaluation twice: differences between them are the machine's own noise. */
function repeated(rows: readonly Row[]): string[] {
  const done = rows.filter(({ status, from }) => status === 'done' && from === null);
  const sameSeed = groupBy(done, (row) => JSON.stringify([row.phase, row.variant, row.seed, partsOf(row).exam]));
  return [...sameSeed.values()]
    .filter((again) => again.length > 1)
    .map((again) => {
      const scores = again.map(({ overall }) => percent(overall));
      const same = new Set(scores).size === 1;
      const result = same
        ? ` and the same score (${scores[0]})`
        : `, but scored ${listSome(scores)}. This is noise of the machine and not of the seed.`;
      return `- ${names(again)} have the same seed${result}`;
    });
}

/** A lower val loss is said to mean a better run. Here it does not. */
function disordered(rows: readonly Row[]): string[] {
  const recipes = groupBy(rows, ({ phase, variant }) => JSON.stringify([phase, variant]));
  return [...recipes.values()].flatMap((runs) => {
    const own = runs.flatMap(({ overall, metrics, run }) =>
      overall !== null && metrics.val_loss !== null ? [{ run, overall, val: metrics.val_loss }] : [],
    );
    const [lowest] = [...own].sort((a, b) => a.val - b.val);
    const [best] = [...own].sort((a, b) => b.overall - a.overall);
    if (own.length < 3 || lowest === undefined || best === undefined) return [];
    if (lowest.overall >= best.overall || lowest.val >= best.val) return [];
    const losses = `a higher loss than ${asText(lowest.run)} (${loss(best.val)} vs. ${loss(lowest.val)})`;
    const scores = `a higher score (${percent(best.overall)} vs. ${percent(lowest.overall)})`;
    return [`- Val loss does not predict the score here: ${asText(best.run)} has ${losses} and ${scores}`];
  });
}

/** What a reader should know before believing a figure. */
export function warnings(rows: readonly Row[], damaged: readonly string[]): string {
  const own = rows.flatMap((row) =>
    [...scoreWarnings(row), ...row.warnings.map(asSentence)].map((text) => [text, row.run] as const),
  );
  const lines = [
    ...unlike(rows),
    ...repeated(rows),
    ...disordered(rows),
    byText(own),
    ...damaged.slice(-mostShown).map((text) => `- ${asText(text)}`),
    damaged.length > mostShown ? `- ${count(damaged.length - mostShown)} more lines of results.jsonl are left out` : '',
  ];
  return lines.filter((line) => line !== '').join('\n');
}

function profileText(profile: DataProfile): string {
  const { rows, epochs, rows_never_seen: unseen } = profile;
  const used = unseen === 0 ? `all ${count(rows.train)}` : `${count(rows.train - unseen)} of ${count(rows.train)}`;
  const cut = [
    ...(profile.rows_answer_lost > 0
      ? [`In ${count(profile.rows_answer_lost)} examples, max_seq_length removes the whole answer`]
      : []),
    ...(profile.rows_answer_cut > 0
      ? [`In ${count(profile.rows_answer_cut)} examples, max_seq_length cuts the answer`]
      : []),
  ];
  return [
    `Training used ${used} examples (${epochs.toFixed(2)} epochs)`,
    ...taughtText(profile),
    ...cut,
    `Each logged validation loss is measured on ${share(profile.val_share)} of the ${count(rows.valid)} validation examples.`,
  ].join('. ');
}

const two = (value: number | null): string => (value === null ? none : value.toFixed(2));

/** ` (32 of 168 examples)`, or nothing if all were measured. */
const sampled = (some: number | undefined, of: number | undefined, what: string): string =>
  some === undefined || of === undefined || some === of ? '' : ` (${count(some)} of ${plural(of, what)})`;

function costLine({ run, cost }: Row): string[][] {
  if (cost === null) return [];
  const bits = (value: number | null): string => (value === null ? 'float' : String(value));
  return [
    [
      asText(run),
      `${bits(cost.bits.base)} -> ${bits(cost.bits.final)}`,
      ...[cost.step, cost.kept, cost.snr].map(two),
      cost.top1 === null ? none : `${percent(100 * cost.top1)} %`,
      cost.kl === null ? none : `${cost.kl.toFixed(4)}${sampled(cost.answers, cost.answers_of, 'answer')}`,
      cost.gain_kept === null
        ? none
        : `${Math.round(100 * cost.gain_kept)} %${sampled(cost.rows, cost.rows_of, 'example')}`,
    ],
  ];
}

/** What was left of the adapter in the final model. It leads to warnings and never to a verdict. */
export function costs(rows: readonly Row[]): string {
  const lines = rows.flatMap(costLine);
  if (lines.length === 0) return '';
  return table(['run', 'bits', 'step', 'kept', 'snr', 'top-1', 'KL', 'training gain kept'], lines);
}

/** The training data: epochs, examples that were never used, and what the rest trains. */
export function taught(rows: readonly Row[]): string {
  return byText(rows.flatMap(({ profile, run }) => (profile === null ? [] : [[profileText(profile), run] as const])));
}
