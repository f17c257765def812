import { modes } from '../../events/score.ts';
import type { Contrast } from '../compare/contrast.ts';
import type { Summary } from '../compare/summary.ts';
import { list, percent } from '../format.ts';
import { costWarnings } from '../run/cost-words.ts';
import { asText, code } from './markdown.ts';

const most = 3;
/** Fewer runs are only a first look: see "power" in how.md. */
const enough = 5;
/** From this difference (in points) between the best and the worst run, it is worth comparing how they answer. */
const farApart = 15;

function retries(summaries: readonly Summary[]): string[] {
  const failed = summaries.flatMap(({ group }) => group.rows.filter((row) => row.status === 'failed'));
  const [first] = failed;
  if (first?.error == null) return [];
  const [run, { code: why }] = [asText(first.run), first.error];
  const what =
    failed.length === 1 ? `${run} failed (${why}).` : `${failed.length} runs failed. The first is ${run} (${why}).`;
  return [`${what} Read *Failed and cancelled*, then run ${code(`phasebox retry ${first.run}`)}.`];
}

/** Runs of one recipe that answer in different ways: the mean of both is the score of neither. */
function modesApart(summaries: readonly Summary[]): string[] {
  return summaries.flatMap(({ group, runs }) => {
    const sorted = [...runs].sort((a, b) => a.overall - b.overall);
    const [worst, best] = [sorted[0], sorted.at(-1)];
    if (worst === undefined || best === undefined || best.overall - worst.overall < farApart) return [];
    const counts = (run: string) => group.done.find((row) => row.run === run)?.modes ?? null;
    const [few, many] = [counts(worst.run), counts(best.run)];
    const moved = modes
      .map((mode) => ({ mode, by: (few?.[mode] ?? 0) - (many?.[mode] ?? 0) }))
      .sort((a, b) => Math.abs(b.by) - Math.abs(a.by))[0];
    const how =
      moved === undefined || moved.by === 0
        ? ''
        : `, and ${asText(worst.run)} has ${Math.abs(moved.by)} ${moved.by > 0 ? 'more' : 'fewer'} answers of mode *${moved.mode}*`;
    const size = percent(best.overall - worst.overall);
    return [
      `Read the answers of ${asText(worst.run)} and ${asText(best.run)}: their scores differ by ${size} points${how}.`,
    ];
  });
}

/** Whether `seeds: 5` only adds runs to these. If it would remove some, it is refused. */
const countsUp = ({ group }: Summary): boolean => {
  const names = Array.from({ length: enough }, (_, seed) => `${group.phase.phase}-s${seed}`);
  return [...group.phase.runs, ...group.rows.map(({ run }) => run)].every((run) =>
    names.some((name) => run === name || run.startsWith(`${name}-`)),
  );
};

function moreRuns(summaries: readonly Summary[]): string[] {
  const few = summaries.filter(
    ({ group, runs }) => group.variant === null && runs.length > 0 && group.accepted < enough,
  );
  if (few.length === 0) return [];
  const names = few.map(({ group }) => asText(group.name));
  const set = few.every(countsUp) ? `Set ${code(`seeds: ${enough}`)}` : `Add ${code('seeds')}`;
  const [each, configs, them] =
    names.length === 1
      ? ['', 'its config', 'it']
      : ['each ', `${names.length === 2 ? 'both' : 'their'} configs`, 'them'];
  return [
    `Run five seeds ${each}of ${list(names)} before you draw a conclusion. ${set} in ${configs} and submit ${them} again. Only the missing seeds are run.`,
  ];
}

function notAlike(contrasts: readonly Contrast[]): string[] {
  const odd = contrasts.find(({ alike }) => !alike);
  if (odd === undefined) return [];
  const [a, b] = [odd.a, odd.b].map(({ runs }) => runs[0]?.run ?? '');
  return [
    `${asText(odd.a.group.name)} and ${asText(odd.b.group.name)} were not measured alike. ${code(`phasebox diff ${a} ${b}`)} shows what differs.`,
  ];
}

function erased(summaries: readonly Summary[]): string[] {
  const warned = summaries.flatMap(({ group }) =>
    group.done.flatMap(({ run, cost }) => (cost === null ? [] : costWarnings(cost).map((text) => ({ run, text })))),
  );
  const [first] = warned;
  return first === undefined
    ? []
    : [
        `Read the warning of ${asText(first.run)} (${asText(first.text)}), and compare this run with a \`raw\` variant.`,
      ];
}

/** At most three things to do. What invalidates a figure comes before what makes it more precise. */
export function nextSteps(summaries: readonly Summary[], contrasts: readonly Contrast[]): string {
  const steps = [
    ...retries(summaries),
    ...notAlike(contrasts),
    ...erased(summaries),
    ...modesApart(summaries),
    ...moreRuns(summaries),
  ].slice(0, most);
  if (steps.length < 2) return steps.map((step) => `Next step: ${step}`).join('');
  return `Next steps: ${steps.map((step, index) => `(${index + 1}) ${step}`).join(' ')}`;
}
