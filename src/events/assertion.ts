import * as z from 'zod';

/** promptfoo's names. `not-` before a name negates it. */
export const checks = [
  'equals',
  'contains',
  'contains-any',
  'contains-all',
  'icontains',
  'regex',
  'is-json',
  'tool-call',
] as const;
export type Check = (typeof checks)[number];

const types = [...checks, ...checks.map((name) => `not-${name}` as const)] as const;

/** One check of an answer. The allowed `value` depends on the type. JSON Schemas are compiled in core/score/assert.ts. */
export const assertion = z
  .strictObject({ type: z.enum(types), value: z.unknown().optional(), weight: z.number().min(0).default(1) })
  .superRefine((given, context) => {
    const message = valueFault(given);
    if (message !== null) context.addIssue({ code: 'custom', path: ['value'], message });
  });
export type Assertion = z.infer<typeof assertion>;

/** `not-regex` -> the check `regex`, negated. */
export function checkOf({ type }: { readonly type: (typeof types)[number] }) {
  const inverse = type.startsWith('not-');
  return { check: (inverse ? type.slice(4) : type) as Check, inverse };
}

const word = z.union([z.string().min(1), z.number()]);

/** A list, or a text with commas that has more than commas. */
const words = z.union([z.string().regex(/[^\s,]/), z.array(word).min(1)]);

/** A call: its name, or its name and required arguments. */
export const expectedCall = z.union([
  z.string().min(1),
  z.strictObject({ name: z.string().min(1), arguments: z.record(z.string(), z.unknown()).optional() }),
]);

const values: Readonly<Record<Check, { readonly schema: z.ZodType; readonly allowed: string }>> = {
  equals: {
    schema: z.union([z.string(), z.number(), z.boolean(), z.array(z.unknown()), z.record(z.string(), z.unknown())]),
    allowed: 'a text, a number, or a list or mapping (then the answer is read as JSON)',
  },
  contains: { schema: word, allowed: 'a text or a number' },
  icontains: { schema: word, allowed: 'a text or a number' },
  'contains-any': { schema: words, allowed: 'a list of texts' },
  'contains-all': { schema: words, allowed: 'a list of texts' },
  regex: { schema: z.string().min(1), allowed: 'a regular expression of JavaScript, without slashes' },
  'is-json': {
    schema: z.union([z.boolean(), z.record(z.string(), z.unknown())]).optional(),
    allowed: 'a JSON Schema, or nothing',
  },
  'tool-call': { schema: expectedCall, allowed: 'the name of a function, or { name, arguments }' },
};

/** What is wrong with an assertion's value, or null. */
function valueFault(given: { readonly type: (typeof types)[number]; readonly value?: unknown }): string | null {
  const { check } = checkOf(given);
  const { schema, allowed } = values[check];
  if (!schema.safeParse(given.value).success) return `allowed: ${allowed}`;
  if (check !== 'regex' || typeof given.value !== 'string') return null;
  try {
    new RegExp(given.value);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
