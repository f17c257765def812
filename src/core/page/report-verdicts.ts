import type { Contrast } from '../compare/contrast.ts';
import type { Group } from '../compare/groups.ts';
import type { Summary } from '../compare/summary.ts';
import { percent, plural, time } from '../format.ts';
import { idleText } from '../run/cost-words.ts';
import { asText, code } from './markdown.ts';
import { findingWords, gateSentence, unknownVariance } from './report-words.ts';

/** `43a vs. 43b`, with their titles. */
export function title(groups: readonly Group[]): string {
  const phases = [...new Set(groups.map((group) => group.phase))];
  const names = phases.map(({ phase, title }) => asText(title === null ? phase : `${phase} (${title})`));
  if (names.length === 0) return '# Comparison: no run is finished yet';
  return `# ${names.length > 3 ? `Comparison of ${names.length} phases` : names.join(' vs. ')}`;
}

/** Why runs are not done: `1 of 3 runs failed, 1 not finished yet`. */
function troubles({ rows, accepted }: Group): string {
  const number = (status: string) => rows.filter((row) => row.status === status).length;
  const result = [
    { count: number('failed'), what: 'failed' },
    { count: number('cancelled'), what: 'cancelled' },
    { count: accepted - rows.length, what: 'not finished yet' },
  ].filter(({ count }) => count > 0);
  return result
    .map(({ count, what }, index) => `${count}${index === 0 ? ` of ${plural(accepted, 'run')}` : ''} ${what}`)
    .join(', ');
}

function noneDone({ accepted, rows }: Group, trouble: string): string {
  if (accepted !== 1) return `no run is done${trouble === '' ? '' : ` (${trouble})`}`;
  const [only] = rows;
  if (only === undefined) return 'its only run is not finished yet';
  return `its only run ${only.status === 'cancelled' ? 'was cancelled' : only.status}`;
}

/** Why the score may not be comparable with the phase's reference. */
function referenceDoubt({ done }: Group): string[] {
  const doubted = done.flatMap(({ baseline }) =>
    baseline === null || baseline.comparable === true || baseline.overall === null ? [] : [baseline],
  );
  const first = doubted.find(({ comparable }) => comparable === false) ?? doubted[0];
  if (first === undefined) return [];
  const name = asText(first.name);
  return [
    first.comparable === false
      ? `This score is not comparable with baseline "${name}".`
      : `It is not known whether this score is comparable with baseline "${name}".`,
  ];
}

/** The score is that of the base model, whatever the verdict says. */
function idle({ done }: Group): string[] {
  const runs = done.filter((row) => row.idle_adapter === true);
  if (runs.length === 0) return [];
  const where = done.length === 1 ? '' : ` in ${runs.length} of ${plural(done.length, 'run')}`;
  return [`**${idleText(where).replace('the', 'The')}.**`];
}

function sentence(summary: Summary): string {
  const { group, runs, mean } = summary;
  const trouble = troubles(group);
  const name = asText(group.name);
  if (group.done.length === 0) return `- **${name} has no verdict: ${noneDone(group, trouble)}.**`;
  const { outcome, reason } = group.judgement;
  if (mean === null)
    return `- **${name} has no verdict: ${plural(group.done.length, 'run')} done, none with a score.**`;
  const over = runs.length === 1 ? '1 run' : `mean of ${runs.length} runs`;
  const bold = gateSentence(summary, name, `${percent(mean)} (${over})`);
  const unknown = unknownVariance(summary);
  const behind = [
    ...(outcome === null ? [] : [`Outcome: "${asText(outcome)}".`]),
    ...idle(group),
    ...(unknown === null ? [] : [unknown]),
    ...(trouble === '' ? [] : [`${trouble}.`]),
    ...referenceDoubt(group),
    ...(reason === null ? [] : [`${asText(reason)}.`]),
  ];
  return `- ${[bold, ...behind].join(' ')}`;
}

/** The conclusions first: a bold verdict for each phase, then the comparison of each pair. */
export function verdicts(summaries: readonly Summary[], contrasts: readonly Contrast[]): string {
  const against = contrasts
    .filter(({ a, b }) => a.group.phase !== b.group.phase)
    .map(({ a, b, finding, alike }) => {
      const names = { a: asText(a.group.name), b: asText(b.group.name) };
      return alike
        ? `- **${findingWords(finding, names)}.**`
        : `- **${names.a} and ${names.b} were not measured alike: do not compare their scores.**`;
    });
  return [...summaries.map(sentence), ...against].join('\n');
}

function rules({ criteria }: Group['phase']): string[] {
  if (criteria === null) return [];
  const outcomes = criteria.outcomes.map(({ when, then }) =>
    when === undefined ? `else → "${asText(then)}"` : `${code(when)} → "${asText(then)}"`,
  );
  return [
    ...(criteria.gate === undefined ? [] : [`Gate: ${code(criteria.gate)}`]),
    ...(outcomes.length === 0 ? [] : [`Outcomes: ${outcomes.join(', ')}`]),
  ];
}

/** What each phase was meant to show, as fixed before its runs, and the model that it starts from. */
export function registered(groups: readonly Group[]): string {
  const phases = [...new Set(groups.map((group) => group.phase))];
  return phases
    .flatMap((phase) => {
      const rows = groups.filter((group) => group.phase === phase).flatMap((group) => group.rows);
      const models = [...new Set(rows.flatMap(({ model }) => model ?? []))];
      const parts = [
        ...(phase.hypothesis === null ? [] : [`Hypothesis: ${asText(phase.hypothesis)}`]),
        ...models.map((model) => `Base model: ${asText(model)}`),
        ...rules(phase),
      ];
      if (parts.length === 0) return [];
      return [
        `- ${asText(phase.phase)}`,
        ...[...parts, `Criteria set on: ${time(phase.accepted)}`].map((part) => `  - ${part}`),
      ];
    })
    .join('\n');
}
