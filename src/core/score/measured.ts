import type { Row } from '../../events/row.ts';
import { groupBy } from '../group-by.ts';
import { canonicalJson } from '../json.ts';

/**
 * The parts of an eval identity, in the order in which versions of phasebox began to record them. A new part is added
 * at the end. `exam`: suite, settings and versions (eval-identity.ts), which is all that 0.1.0 recorded. `prompts`:
 * what the chat template made of the suite. `timeouts`: with how many tokens an answer is asked again that took too long,
 * where that can change scores; 0.1.0 asked with as many.
 */
export const partNames = ['exam', 'prompts', 'timeouts'] as const;
export type PartName = (typeof partNames)[number];

/** sha256 by part. An absent part was not recorded, and does not count as different. */
export type EvalParts = Readonly<Partial<Record<PartName, string>>>;

/**
 * The identities (sha256, hex): the complete one, then those by which earlier versions, without the latest parts, knew
 * the same eval. The exam alone is its own identity, as in 0.1.0. `hash` is the sha256 of a text.
 */
export function identitiesOf(parts: EvalParts, hash: (text: string) => string): readonly string[] {
  const recorded = partNames.flatMap((name) => (parts[name] === undefined ? [] : [[name, parts[name]] as const]));
  return recorded.map((_, index) => {
    const known = recorded.slice(0, recorded.length - index);
    const [first] = known;
    return known.length === 1 && first !== undefined ? first[1] : hash(canonicalJson(Object.fromEntries(known)));
  });
}

/** The parts in a row. A row of 0.1.0 has only the identity, which is its exam. */
export function partsOf(row: Pick<Row, 'eval_identity' | 'eval_parts'>): EvalParts {
  if (row.eval_parts !== null) return row.eval_parts;
  return row.eval_identity === null ? {} : { exam: row.eval_identity };
}

/** The part of a row that a comparison of evaluations needs. */
export type MeasuredRow = Pick<Row, 'run' | 'model' | 'custody' | 'eval_identity' | 'eval_parts'>;

/** Whether scores were measured alike, part by part of their eval identities. */
export interface Measured {
  /** Parts in which some of the rows differ. */
  readonly differ: readonly PartName[];
  /** Parts that rows of an earlier version did not record. They do not count as different, but are mentioned. */
  readonly unrecorded: readonly { readonly part: PartName; readonly runs: readonly string[] }[];
}

/** `within`: only rows for which this is the same can differ in the part. */
const kinds: Readonly<Record<PartName, { text: string; within: (row: MeasuredRow) => string }>> = {
  exam: { text: 'suite, prompts or settings of the evaluation', within: () => '' },
  // Each base model has its own chat template and tokens.
  prompts: { text: 'rendered prompts', within: (row) => templateOf(row) },
  // Only suites with long answers have it.
  timeouts: { text: 'rule for answers that take too long', within: (row) => partsOf(row).exam ?? '' },
};

export const partText = (part: PartName): string => kinds[part].text;

/** The model whose template made the prompts: the base, or the whole model that a run starts from. */
const templateOf = ({ custody, model }: MeasuredRow): string => custody.base ?? model ?? custody.model ?? '';

/** Compares what rows were measured with. Every comparison of eval identities goes through here. */
export function measuredAlike(rows: readonly MeasuredRow[]): Measured {
  const sets = partNames.map((part) => ({ part, groups: groupsOf(rows, part) }));
  return {
    differ: sets.flatMap(({ part, groups }) =>
      groups.some((group) => new Set(recordedIn(group, part)).size > 1) ? [part] : [],
    ),
    unrecorded: sets.flatMap(({ part, groups }) => {
      const mixed = groups.filter((group) => recordedIn(group, part).length > 0);
      const runs = mixed.flat().filter((row) => partsOf(row)[part] === undefined);
      return runs.length === 0 ? [] : [{ part, runs: runs.map(({ run }) => run) }];
    }),
  };
}

/** The rows that can be compared in this part. */
const groupsOf = (rows: readonly MeasuredRow[], part: PartName): MeasuredRow[][] => [
  ...groupBy(rows, kinds[part].within).values(),
];

const recordedIn = (rows: readonly MeasuredRow[], part: PartName): string[] =>
  rows.flatMap((row) => partsOf(row)[part] ?? []);

export const isAlike = (rows: readonly MeasuredRow[]): boolean => measuredAlike(rows).differ.length === 0;

/** `Rendered prompts not recorded: 43a-s0`, `43a-s0 and 3 more`: rows of an earlier version. */
export function unrecordedText({ part, runs }: Measured['unrecorded'][number]): string {
  const more = runs.length > 1 ? ` and ${runs.length - 1} more` : '';
  const text = partText(part);
  return `${text.charAt(0).toUpperCase()}${text.slice(1)} not recorded: ${runs[0]}${more}`;
}
