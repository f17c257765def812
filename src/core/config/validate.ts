import * as z from 'zod';
import { closest } from '../closest.ts';
import { getAt, isMapping, type Mapping, without } from '../mapping.ts';
import type { Finding, Path } from './problem.ts';
import { listHint, oddSpaceHint, valuesHint, wordHint } from './slips.ts';

type Issue = z.core.$ZodIssue;

/** Longer words are not typing errors. */
const longestWord = 64;
/** A file of a completely different kind must not keep the process busy with a hundred thousand faults. */
const mostFindings = 100;
const mostKeys = 20;

/** `did you mean "iters"?` for a word that is close to an allowed one. */
export function suggestion(word: unknown, allowed: readonly string[]): string | undefined {
  const name = typeof word === 'string' ? closestName(word, allowed) : undefined;
  return name === undefined ? undefined : `did you mean "${name}"?`;
}

/** The allowed word that was intended, also with `-` for `_`. */
export function closestName(word: string, allowed: readonly string[]): string | undefined {
  if (word.length > longestWord) return undefined;
  return closest(word, allowed) ?? closest(word.replaceAll('-', '_'), allowed);
}

/** `unknown key; did you mean "iters"?`, with what is allowed in its place. */
export function notAllowed(what: string, word: string, allowed: readonly string[]) {
  const meant = suggestion(word, allowed);
  return { message: meant === undefined ? what : `${what}; ${meant}`, allowed };
}

/** Everything that a schema has against a value, in words for people who write configs. */
export function findIssues(schema: Schema, value: unknown, prefix: Path = []): Finding[] {
  return inWords(issuesOf(z.safeParse(schema, value)), { schema, value, prefix });
}

function inWords(issues: readonly Issue[], scope: Scope): Finding[] {
  const findings = issues.slice(0, mostFindings).flatMap((issue) => explain(issue, scope));
  const more = issues.length - mostFindings;
  return more > 0 ? [...findings, { path: scope.prefix, message: `and ${more} problems more` }] : findings;
}

/** Unknown keys first: zod reports them last, and they explain the rest. */
const issuesOf = ({ error }: z.ZodSafeParseResult<unknown>): Issue[] =>
  (error?.issues ?? []).toSorted((a, b) => rank(a) - rank(b));

const rank = ({ code }: Issue): number => (code === 'unrecognized_keys' ? 0 : 1);

/** The value as its schema reads it, without its wrong parts (null if nothing is left), and its problems. */
export function validate<S extends z.ZodType>(
  schema: S,
  value: Mapping,
  prefix: Path = [],
): { readonly value: z.output<S> | null; readonly findings: readonly Finding[] } {
  let [rest, result] = [value, schema.safeParse(value)];
  const findings = inWords(issuesOf(result), { schema, value, prefix });
  for (let round = 0; round < 4 && !result.success; round++) {
    const places = wrongPlaces(issuesOf(result), { schema, value: rest, prefix: [] });
    rest = without(rest, round > 1 ? places.map((place) => place.slice(0, 1)) : places);
    result = schema.safeParse(rest);
  }
  return { value: result.success ? result.data : null, findings };
}

const wrongPlaces = (issues: readonly Issue[], scope: Scope): Path[] =>
  issues.slice(0, mostFindings).flatMap((issue) => wrongParts(issue, scope));

/**
 * All unknown keys, also those that are only counted in the findings, and what the other findings are about. A value with
 * keys of two forms is wrong as a whole: without some of its keys it would be another value than the one that was written.
 */
function wrongParts(issue: Issue, scope: Scope): Path[] {
  const places = explain(issue, scope).map(({ path }) => path);
  const inner = issue.path.map(keyOf);
  if (issue.code !== 'unrecognized_keys' || places[0]?.length === inner.length) return places;
  return issue.keys.map((key) => [...inner, key]);
}

const keyOf = (key: PropertyKey): string | number => (typeof key === 'number' ? key : String(key));

interface Scope {
  readonly schema: Schema;
  readonly value: unknown;
  readonly prefix: Path;
}

function explain(issue: Issue, scope: Scope): Finding[] {
  const inner = issue.path.map(keyOf);
  const path = [...scope.prefix, ...inner];
  const seen = getAt(scope.value, inner);
  if (issue.code === 'unrecognized_keys') {
    const here = schemaAt(scope.schema, inner);
    const form = here instanceof z.ZodUnion ? formOf(here, seen) : here;
    if (form === undefined) return [{ path, seen, message: `allowed: ${formsText(here)}` }];
    const allowed = keysOf(form);
    const findings: Finding[] = issue.keys.slice(0, mostKeys).map((key) => ({
      path: [...path, key],
      ...notAllowed('unknown key', key, allowed),
      hint: oddSpaceHint(key, 'this key'),
    }));
    const more = issue.keys.length - mostKeys;
    return more > 0 ? [...findings, { path, message: `and ${more} unknown keys more` }] : findings;
  }
  if (issue.code === 'invalid_union') return explainUnion(issue, { ...scope, path: inner, seen });
  if (issue.code === 'invalid_key') {
    const [first] = issue.issues;
    const message = first === undefined ? 'this name is not allowed' : expectation(first);
    return [{ path, seen: inner.at(-1), message }];
  }
  if (seen === undefined)
    return [
      { path, missing: true, message: `required: ${expectation(issue).replace(/^allowed: | is expected$/g, '')}` },
    ];
  const none =
    issue.code === 'invalid_value' && z.safeParse(placeIn(scope.schema, inner), null).success ? ' or null' : '';
  return [{ path, seen, message: `${expectation(issue)}${none}`, hint: hintFor(issue, seen, path) }];
}

interface UnionScope extends Scope {
  readonly path: readonly (string | number)[];
  readonly seen: unknown;
}

/** Of several forms, the one that was intended, or all of them if that is not known. */
function explainUnion(issue: Extract<Issue, { code: 'invalid_union' }>, scope: UnionScope): Finding[] {
  const here = schemaAt(scope.schema, scope.path);
  const forms = formsOf(here);
  const prefix = [...scope.prefix, ...scope.path];
  const form = formOf(here, scope.seen);
  const errors: readonly (readonly Issue[])[] = issue.errors;
  const fits = errors.filter((each) => each.every(notAboutAll));
  const only = fits.length === 1 ? fits[0] : undefined;
  const meant = form === undefined ? only : errors[forms.indexOf(form)];
  if (meant === undefined) {
    const message = `allowed: ${formsText(here)}`;
    return [{ path: prefix, seen: scope.seen, message, hint: listHint(scope.seen) }];
  }
  const schema = form ?? forms[errors.indexOf(meant)] ?? here;
  return meant.flatMap((error) => explain(error, { schema, value: scope.seen, prefix }));
}

/** False if the value is of a completely different kind than this form. */
const notAboutAll = (issue: Issue): boolean => issue.path.length > 0 || issue.code !== 'invalid_type';

const formsText = (union: Schema): string => formsOf(union).map(formText).join(', or ');

function formText(form: Schema): string {
  if (form instanceof z.ZodObject) return `{ ${Object.keys(form.shape).join(', ')} }`;
  if (form instanceof z.ZodArray) return 'a list';
  return typeWord(form instanceof z.ZodNumber ? 'int' : form._zod.def.type);
}

function expectation(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `${typeWord(issue.expected)} is expected`;
    case 'invalid_value':
      return `allowed: ${issue.values.map(String).join(', ')}`;
    case 'too_small':
      return issue.origin === 'string' ? 'must not be empty' : `allowed: ${atLeast(issue)}`;
    case 'too_big':
      return `allowed: at most ${issue.maximum}${issue.origin === 'string' ? ' characters' : ''}`;
    case 'not_multiple_of':
      return 'a whole number is expected';
    case 'custom':
      return issue.message;
    default:
      return `allowed: ${issue.message}`;
  }
}

function atLeast({ origin, minimum, inclusive }: Extract<Issue, { code: 'too_small' }>): string {
  if (origin === 'array') return `a list of at least ${minimum}`;
  return inclusive === false ? `more than ${minimum}` : `at least ${minimum}`;
}

function hintFor(issue: Issue, seen: unknown, path: Path): string | undefined {
  const isForm = issue.code === 'invalid_type' || issue.code === 'invalid_value' || issue.code === 'invalid_union';
  if (isForm && Array.isArray(seen)) return valuesHint(seen, path);
  if (issue.code === 'invalid_value') return suggestion(seen, issue.values.map(String));
  if (issue.code !== 'invalid_type') return undefined;
  if (issue.expected === 'string' && (typeof seen === 'number' || typeof seen === 'boolean')) {
    return `text that looks like something else needs quotes: "${seen}"`;
  }
  return typeof seen === 'string' ? wordHint(issue.expected, seen) : undefined;
}

const words: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping (`key: value`)',
  record: 'a mapping (`key: value`)',
};

/** `int` -> `a whole number`. */
export const typeWord = (type: string): string => words[type] ?? type;

export type Schema = z.core.$ZodType;

/** A schema without its wrappers (optional, nullable, with a default). */
function plain(schema: Schema): Schema {
  if (
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodNullable ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault
  ) {
    return plain(schema.unwrap());
  }
  return schema;
}

/** The part of a schema that a path leads to, with its wrappers. */
export function placeIn(schema: Schema, path: Path): Schema {
  return path.reduce<Schema>((outer, key) => {
    const here = plain(outer);
    if (here instanceof z.ZodObject) return here.shape[key] ?? here;
    if (here instanceof z.ZodRecord) return here.valueType;
    return here instanceof z.ZodArray ? here.element : here;
  }, schema);
}

/** The same without its wrappers. */
export const schemaAt = (schema: Schema, path: Path): Schema => plain(placeIn(schema, path));

export const keysOf = (schema: Schema): string[] => (schema instanceof z.ZodObject ? Object.keys(schema.shape) : []);

/** The forms that a value may have. */
export const formsOf = (schema: Schema): Schema[] => (schema instanceof z.ZodUnion ? schema.options.map(plain) : []);

/** The form whose first key is present: keys of other forms are not allowed then. */
export function formOf(union: Schema, seen: unknown): Schema | undefined {
  const led = formsOf(union).filter((form) => {
    const [lead] = keysOf(form);
    return lead !== undefined && isMapping(seen) && Object.hasOwn(seen, lead);
  });
  return led.length === 1 ? led[0] : undefined;
}
