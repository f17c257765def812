import type { Row } from '../../events/row.ts';
import { type PartName, partNames, partsOf } from './identity-parts.ts';

/** The part of a row that a comparison of evaluations needs. */
export type MeasuredRow = Pick<Row, 'run' | 'model' | 'custody' | 'eval_identity' | 'eval_parts'>;

/** Whether scores were measured alike, part by part of their eval identities. */
export interface Measured {
  /** Parts in which some of the rows differ. */
  readonly differ: readonly PartName[];
  /** Parts that rows of an earlier version did not record. They do not count as different, but are mentioned. */
  readonly unrecorded: readonly { readonly part: PartName; readonly runs: readonly string[] }[];
}

interface PartKind {
  /** The name of the part in messages. */
  readonly text: string;
  /** Each base model has its own (its chat template, its tokens), so only rows of one model can differ in it. */
  readonly ofModel: boolean;
}

const kinds: Readonly<Record<PartName, PartKind>> = {
  exam: { text: 'suite, prompts or settings of the evaluation', ofModel: false },
  prompts: { text: 'rendered prompts', ofModel: true },
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
function groupsOf(rows: readonly MeasuredRow[], part: PartName): MeasuredRow[][] {
  const groups = new Map<string, MeasuredRow[]>();
  for (const row of rows) {
    const key = kinds[part].ofModel ? templateOf(row) : '';
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return [...groups.values()];
}

const recordedIn = (rows: readonly MeasuredRow[], part: PartName): string[] =>
  rows.flatMap((row) => partsOf(row)[part] ?? []);

export const isAlike = (rows: readonly MeasuredRow[]): boolean => measuredAlike(rows).differ.length === 0;

/** `Rendered prompts not recorded: 43a-s0`, `43a-s0 and 3 more`: rows of an earlier version. */
export function unrecordedText({ part, runs }: Measured['unrecorded'][number]): string {
  const more = runs.length > 1 ? ` and ${runs.length - 1} more` : '';
  const text = partText(part);
  return `${text.charAt(0).toUpperCase()}${text.slice(1)} not recorded: ${runs[0]}${more}`;
}
