import { canonicalJson } from '../json.ts';

/**
 * The parts of an eval identity, in the order in which versions of phasebox began to record them. A new part is added
 * at the end. `exam`: suite, settings and versions (eval-identity.ts), which is all that 0.1.0 recorded. `prompts`:
 * what the chat template made of the suite.
 */
export const partNames = ['exam', 'prompts'] as const;
export type PartName = (typeof partNames)[number];

/** sha256 by part. An absent part was not recorded, and does not count as different. */
export type EvalParts = Readonly<Partial<Record<PartName, string>>>;

/**
 * The identities of these parts (sha256, hex): the complete one first, then those that earlier versions, which lacked
 * the latest parts, gave the same eval. The exam alone is its own identity, as in 0.1.0. `hash` is the sha256 of a
 * text.
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
export function partsOf(row: {
  readonly eval_identity: string | null;
  readonly eval_parts: Readonly<Record<string, string>> | null;
}): EvalParts {
  if (row.eval_parts !== null) return row.eval_parts;
  return row.eval_identity === null ? {} : { exam: row.eval_identity };
}
