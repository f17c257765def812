import { canonicalJson } from '../json.ts';

/**
 * What an eval identity is made of, in the order in which versions of phasebox began to record it; a new part goes to the
 * end. `exam`: suite, settings and versions (eval-identity.ts), all that 0.1.0 recorded. `prompts`: what the chat template
 * made of the suite.
 */
export const partNames = ['exam', 'prompts'] as const;
export type PartName = (typeof partNames)[number];

/** sha256 by part. A part that is absent was not recorded: it is not different. */
export type EvalParts = Readonly<Partial<Record<PartName, string>>>;

/**
 * The identities of these parts (sha256, hex): the whole one first, then those that earlier versions gave the same eval,
 * which had not the latest parts. The exam alone is its own identity, as in 0.1.0. `hash`: sha256 of a text.
 */
export function identitiesOf(parts: EvalParts, hash: (text: string) => string): readonly string[] {
  const recorded = partNames.flatMap((name) => (parts[name] === undefined ? [] : [[name, parts[name]] as const]));
  return recorded.map((_, index) => {
    const known = recorded.slice(0, recorded.length - index);
    const [first] = known;
    return known.length === 1 && first !== undefined ? first[1] : hash(canonicalJson(Object.fromEntries(known)));
  });
}

/** The parts as a row has them; a row of 0.1.0 has the identity alone, which is its exam. */
export function partsOf(row: {
  readonly eval_identity: string | null;
  readonly eval_parts: Readonly<Record<string, string>> | null;
}): EvalParts {
  if (row.eval_parts !== null) return row.eval_parts;
  return row.eval_identity === null ? {} : { exam: row.eval_identity };
}
