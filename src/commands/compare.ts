import { didYouMean } from '../core/closest.ts';
import { type Contrast, contrast } from '../core/compare/contrast.ts';
import { groupRuns } from '../core/compare/groups.ts';
import { type Summary, summarise } from '../core/compare/summary.ts';
import { CommandError } from '../core/errors.ts';
import { none, percent, plural } from '../core/format.ts';
import {
  categoryP,
  findingText,
  findingWords,
  gateText,
  meanText,
  rangeText,
  signed,
  span,
  spreadText,
} from '../core/page/report-words.ts';
import { printableJson } from '../core/printable.ts';
import { partText, unrecordedText } from '../core/score/measured.ts';
import { readResults } from '../io/artifacts/results-file.ts';
import { readPhases, readScores } from '../io/page/page-input.ts';
import type { Workspace } from '../io/workspace/workspace.ts';
import { documented, type Register, workspaceOf } from './parts/command.ts';
import { print } from './parts/output.ts';

/** `43a`, or a variant of it: `43a-q4`. */
const nameOf = ({ group }: Summary): string =>
  group.variant === null ? group.phase.phase : `${group.phase.phase}-${group.variant}`;

function find(summaries: readonly Summary[], name: string): Summary {
  const found =
    summaries.find(({ group }) => group.variant === null && group.phase.phase === name) ??
    summaries.find((summary) => nameOf(summary) === name);
  if (found !== undefined) return found;
  const run = summaries.some(({ group }) => group.rows.some((row) => row.run === name));
  if (run)
    throw new CommandError(
      2,
      `${name} is a run, but \`compare\` takes phases. To compare two runs, use \`phasebox diff RUN RUN\`.`,
    );
  const names = summaries.map(nameOf);
  const known = names.length === 0 ? 'No run is finished yet.' : `Phases (and variants) here: ${names.join(', ')}.`;
  throw new CommandError(2, `There is no phase ${name}. ${didYouMean(name, names)}${known}`);
}

/** Compares two phases (or variants, as `43a-q4`). Throws CommandError 2 if one is unknown, or if both are the same. */
export async function compare({ artifacts }: Workspace, [a, b]: readonly [string, string]): Promise<Contrast> {
  const { rows } = await readResults(artifacts);
  const { phases } = await readPhases(artifacts);
  const scores = await readScores(artifacts, rows);
  const summaries = groupRuns(rows, phases, scores.prompts).map(summarise);
  const sides = [find(summaries, a), find(summaries, b)] as const;
  if (sides[0] === sides[1])
    throw new CommandError(
      2,
      `Both sides are ${a}, so there is nothing to compare. Give two different phases or variants.`,
    );
  return contrast(sides, summaries, scores.categoryOf);
}

function summaryJson(summary: Summary): object {
  const { group, runs, mean, sd, thisSuite, newPrompts, thisModel, gate } = summary;
  return {
    phase: group.phase.phase,
    variant: group.variant,
    runs: runs.map(({ run, overall }) => ({
      run,
      overall,
      verdict: group.done.find((row) => row.run === run)?.verdict ?? null,
    })),
    accepted: group.accepted,
    failed: group.rows.filter(({ status }) => status === 'failed').length,
    mean,
    sd,
    this_suite: thisSuite,
    new_prompts: newPrompts,
    this_model: thisModel,
    gate,
    outcome: group.judgement.outcome,
    reason: group.judgement.reason,
    written: group.phase.accepted,
  };
}

function asJson({ a, b, alike, measured, finding, spread, categories, prompts }: Contrast): string {
  const { fixed, regressed, same } = prompts;
  const shown = { a: summaryJson(a), b: summaryJson(b), alike, measured, finding, spread, categories };
  return `${printableJson({ ...shown, prompts: { fixed, regressed, same } })}\n`;
}

function sideText(summary: Summary): string[] {
  const { group, gate, runs, thisModel } = summary;
  const range = rangeText(summary);
  return [
    `${group.name}: ${meanText(summary)} (${runs.length} of ${plural(group.accepted, 'run')} done)`,
    ...(range === '' ? [] : [`  95 % confidence interval of the mean: ${range}`]),
    ...(thisModel === null
      ? []
      : [`  95 % interval of the score of this one model on new prompts: ${span(thisModel)}`]),
    ...(gate === null ? [] : [`  gate: ${gateText(gate)}${gate.because === null ? '' : ` (${gate.because})`}`]),
    ...(group.judgement.outcome === null ? [] : [`  outcome: ${group.judgement.outcome}`]),
  ];
}

function categoryLines({ categories, prompts }: Contrast): string[] {
  const asked = prompts.differences.size > 0;
  const width = Math.max(...categories.map(({ name }) => name.length), 'category'.length);
  const line = (name: string, ...cells: readonly string[]) => `${name.padEnd(width)}  ${cells.join('  ')}`;
  const head = line(
    'category',
    ...['a', 'b', 'a > b', 'a < b', 'same'].map((cell) => cell.padStart(5)),
    'p (Holm-adjusted)',
  );
  return [
    head,
    ...categories.map((one) =>
      line(
        one.name,
        ...[percent(one.a), percent(one.b)].map((cell) => cell.padStart(5)),
        ...[one.fixed, one.regressed, one.same].map((count) => (asked ? String(count) : none).padStart(5)),
        categoryP(one),
      ),
    ),
  ];
}

function asText(found: Contrast): string {
  const { a, b, alike, measured, finding, spread, categories, prompts } = found;
  const names = { a: a.group.name, b: b.group.name };
  const ids = (list: readonly string[]) => (list.length === 0 ? 'none' : list.join(', '));
  const unlike = `Not measured alike: ${measured.differ.map(partText).join(', ')} differ, so the difference may come from there. See \`phasebox diff ${a.runs[0]?.run ?? 'RUN'} ${b.runs[0]?.run ?? 'RUN'}\`.`;
  const lines = [
    ...sideText(a),
    ...sideText(b),
    '',
    ...(alike ? [] : [unlike]),
    ...measured.unrecorded.map((one) => `${unrecordedText(one)}.`),
    `${findingWords(finding, names)}.`,
    ...(finding.kind === 'nothing'
      ? []
      : [`${names.a} - ${names.b} = ${signed(finding.difference)} points. ${findingText(finding, names)}`]),
    ...(spread === null || finding.kind === 'pairs' || finding.kind === 'flat'
      ? []
      : [spreadText(spread, spread.from)]),
    ...(categories.length === 0 ? [] : ['', ...categoryLines(found)]),
    ...(prompts.differences.size === 0
      ? []
      : [
          '',
          `${names.a} scores higher: ${ids(prompts.fixed)}`,
          `${names.a} scores lower: ${ids(prompts.regressed)}`,
          `same: ${prompts.same}`,
        ]),
  ];
  return `${lines.join('\n')}\n`;
}

export const registerCompare: Register = (program, exit) => {
  documented(program.command('compare'), {
    does: 'Compare two phases or variants',
    notes: [
      'It shows how far the scores differ, and whether the difference is larger than the noise. If both sides have at least two runs and the difference is not significant, it also shows how many runs are needed to detect a difference of this size.',
    ],
    examples: ['phasebox compare 43a 43b', 'phasebox compare 43a-q4 43a --json'],
    exits: {
      0: 'the comparison is shown',
      2: 'there is no such phase or variant, or both sides are the same',
      3: 'this folder is not a workspace',
    },
  })
    .argument('<phase-or-variant>', 'a phase, or a variant of one')
    .argument('<other>', 'the phase or variant to compare it with')
    .option('--json', 'print one JSON document')
    .action(async (a: string, b: string, options: { json?: boolean }, command) => {
      const found = await compare(await workspaceOf(command, 'read'), [a, b]);
      print(options.json ? asJson(found) : asText(found));
      exit(0);
    });
};
