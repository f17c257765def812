import { plural } from '../words.ts';
import { percent, time } from './format.ts';
import { asText, code, none, table } from './markdown.ts';
import { type Group, type PhaseOnPage, passing } from './report-groups.ts';

/** `43a against 43b`, with their titles. */
export function title(groups: readonly Group[]): string {
  const phases = [...new Set(groups.map((group) => group.phase))];
  const names = phases.map(({ phase, title }) => asText(title === null ? phase : `${phase} (${title})`));
  if (names.length === 0) return '# Comparison: no run is over yet';
  return `# ${names.length > 3 ? `Comparison of ${names.length} phases` : names.join(' against ')}`;
}

function range(values: readonly (number | null)[]): string {
  const known = values.filter((value) => value !== null);
  if (known.length < 2) return none;
  return `${percent(Math.min(...known))} to ${percent(Math.max(...known))}`;
}

/** What became of the runs that are not done: `1 of 3 runs failed, 1 not over yet`. */
function troubles({ rows, accepted }: Group): string {
  const number = (status: string) => rows.filter((row) => row.status === status).length;
  const told = [
    { count: number('failed'), what: 'failed' },
    { count: number('cancelled'), what: 'cancelled' },
    { count: accepted - rows.length, what: 'not over yet' },
  ].filter(({ count }) => count > 0);
  return told
    .map(({ count, what }, index) => `${count}${index === 0 ? ` of ${plural(accepted, 'run')}` : ''} ${what}`)
    .join(', ');
}

function verdictWords({ judgement, phase }: Group): string {
  if (phase.criteria?.gate === undefined) return ':';
  if (judgement.verdict === 'pass') return ' passes its gate:';
  return judgement.verdict === 'fail' ? ' fails its gate:' : ' has no verdict:';
}

/** One bold sentence of what happened, and what is behind it. */
export function sentence(group: Group): string {
  const { done, accepted, judgement, phase } = group;
  const trouble = troubles(group);
  const name = asText(group.name);
  if (done.length === 0) {
    const why = trouble === '' ? '' : ` (${trouble})`;
    return `- **${name}: no run is done${why}, so there is no verdict.**`;
  }
  const scores = done.map((row) => row.overall);
  const average = done.length === 1 ? 'in' : 'on average over';
  const spread = done.length === 1 ? '' : ` (${range(scores)})`;
  const outcome = judgement.outcome === null ? '' : `; outcome: ${asText(judgement.outcome)}`;
  const counted = `${done.length} of ${plural(accepted, 'run')}`;
  const bold = `**${name}${verdictWords(group)} overall ${percent(group.overall)} ${average} ${counted}${spread}${outcome}.**`;
  const judged = phase.criteria?.gate !== undefined && done.length > 1 && judgement.verdict !== null;
  const behind = [
    ...(judged ? [`The verdict is on the mean; ${passing(group)} of ${done.length} pass on their own.`] : []),
    ...(trouble === '' ? [] : [`${trouble}.`]),
    ...(judgement.reason === null ? [] : [`${asText(judgement.reason)}.`]),
  ];
  return `- ${[bold, ...behind].join(' ')}`;
}

function gateCell(group: Group): string {
  const { judgement, done, phase } = group;
  if (phase.criteria?.gate === undefined) return none;
  if (done.length === 0 || judgement.verdict === null) return 'no verdict';
  return done.length === 1 ? judgement.verdict : `${judgement.verdict} (${passing(group)} of ${done.length} runs pass)`;
}

/** Base scores of a group's runs, as `31.5 (29.0)`; they are the same unless eval settings differ. */
function baseCell({ rows }: Group): string {
  const scores = rows.flatMap(({ base }) =>
    base === null ? [] : [`${percent(base.overall)} (${percent(base.strict)})`],
  );
  return scores.length === 0 ? none : [...new Set(scores)].join(', ');
}

/** A line for each group: means of the done runs, gate and outcome by these means. */
export function phaseTable(groups: readonly Group[]): string {
  const head = [
    'phase',
    'runs done',
    'overall, mean',
    'strict, mean',
    'overall, from to',
    'gate',
    'outcome',
    'base (strict)',
  ];
  return table(
    head,
    groups.map((group) => [
      asText(group.phase.title === null || group.variant !== null ? group.name : `${group.name} ${group.phase.title}`),
      `${group.done.length} of ${group.accepted}`,
      `**${percent(group.overall)}**`,
      percent(group.strict),
      range(group.done.map((row) => row.overall)),
      gateCell(group),
      group.judgement.outcome === null ? none : asText(group.judgement.outcome),
      baseCell(group),
    ]),
  );
}

function rules({ criteria }: PhaseOnPage): string[] {
  if (criteria === null) return [];
  const outcomes = criteria.outcomes.map(({ when, then }) =>
    when === undefined ? `else → ${asText(then)}` : `${code(when)} → ${asText(then)}`,
  );
  return [
    ...(criteria.gate === undefined ? [] : [`gate ${code(criteria.gate)}`]),
    ...(outcomes.length === 0 ? [] : [`outcomes ${outcomes.join(', ')}`]),
  ];
}

/** What each phase was to show, as it was written down before its runs, and the model that it starts from. */
export function registered(groups: readonly Group[]): string {
  const phases = [...new Set(groups.map((group) => group.phase))];
  return phases
    .flatMap((phase) => {
      const rows = groups.filter((group) => group.phase === phase).flatMap((group) => group.rows);
      const models = [...new Set(rows.flatMap(({ model }) => model ?? []))];
      const parts = [
        ...(phase.hypothesis === null ? [] : [asText(phase.hypothesis)]),
        ...models.map((model) => `base model ${asText(model)}`),
        ...rules(phase),
      ];
      return parts.length === 0
        ? []
        : [`- ${asText(phase.phase)}, written ${time(phase.accepted)}: ${parts.join('; ')}`];
    })
    .join('\n');
}
