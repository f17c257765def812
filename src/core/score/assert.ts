import { Ajv, type ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { type Assertion, type Check, checkOf, expectedCall } from '../../events/assertion.ts';
import { messageOf } from '../errors.ts';
import { isSame } from '../mapping.ts';
import type { Call } from './calls.ts';
import type { ReadAnswer } from './read-answer.ts';
import { asObject } from './tolerant-json.ts';

/**
 * The names mean the same as in promptfoo (https://promptfoo.dev/docs/configuration/expected-outputs/deterministic/),
 * checked against its src/assertions/{equals,contains,regex,json}.ts. `tool-call` is ours.
 */

/** The share (0-1) of the assertions that hold, weighted. */
export function assertedShare(assertions: readonly Assertion[], read: ReadAnswer): number {
  const sum = (some: readonly Assertion[]): number => some.reduce((total, { weight }) => total + weight, 0);
  const held = assertions.filter((one) => {
    const { check, inverse } = checkOf(one);
    return holds[check](one.value, read) !== inverse;
  });
  return Math.min(1, sum(held) / sum(assertions));
}

const holds: Readonly<Record<Check, (value: unknown, read: ReadAnswer) => boolean>> = {
  equals: (value, { output }) =>
    typeof value === 'object' ? isSame(parsed(output)?.json, value) : output === String(value),
  contains: (value, { output }) => output.includes(String(value)),
  icontains: (value, { output }) => output.toLowerCase().includes(String(value).toLowerCase()),
  'contains-any': (value, { output }) => listed(value).some((text) => output.includes(text)),
  'contains-all': (value, { output }) => listed(value).every((text) => output.includes(text)),
  regex: (value, { output }) => new RegExp(String(value)).test(output),
  'is-json': (value, { output }) => {
    const found = parsed(output);
    return found !== null && (value === undefined || fits(found.json, value as Schema));
  },
  'tool-call': (value, { calls }) => {
    const wanted = expectedCall.parse(value);
    const { name, arguments: given } = typeof wanted === 'string' ? { name: wanted, arguments: undefined } : wanted;
    return calls.some((call) => call.name === name && (given === undefined || hasArguments(call, given)));
  },
};

/** Strict JSON: what an answer may not be, promptfoo does not accept either. */
function parsed(text: string): { readonly json: unknown } | null {
  try {
    return { json: JSON.parse(text) };
  } catch {
    return null;
  }
}

/** A list, or a text with commas. Parts in double quotes may contain commas. */
function listed(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.map(String);
  const parts = String(value).match(/\s*"(?:[^"\\]|\\.|"")*"\s*|[^,]+/g) ?? [];
  return parts
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map((part) =>
      /^".*"$/s.test(part) ? part.slice(1, -1).replace(/\\(["\\])|""/g, (_, sign) => sign ?? '"') : part,
    );
}

/** Every expected argument must be present and equal. Additional ones are allowed, in nested mappings too. */
function hasArguments({ values, raw }: Call, wanted: Readonly<Record<string, unknown>>): boolean {
  const fits = (value: unknown, expected: unknown): boolean =>
    raw === null ? reads(value, expected) : covers(value, expected);
  return (
    values !== null &&
    Object.entries(wanted).every(([name, expected]) => Object.hasOwn(values, name) && fits(values[name], expected))
  );
}

function covers(value: unknown, expected: unknown): boolean {
  const [has, wants] = [asObject(value), asObject(expected)];
  if (has === null || wants === null) return isSame(value, expected);
  return Object.entries(wants).every(([key, inner]) => Object.hasOwn(has, key) && covers(has[key], inner));
}

/** An XML argument is text, often on lines of its own. It is read as JSON unless a text is expected. */
function reads(value: unknown, expected: unknown): boolean {
  const text = String(value).replace(/^\r?\n|\r?\n$/g, '');
  return typeof expected === 'string' ? text === expected : covers(parsed(text.trim())?.json, expected);
}

type Schema = boolean | Readonly<Record<string, unknown>>;
const compiled = new WeakMap<object, ValidateFunction>();

/** JSON that is nested more deeply than the stack allows matches no schema that descends into it. */
function fits(json: unknown, schema: Schema): boolean {
  try {
    return validator(schema)(json) === true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** A compiled JSON Schema: draft 7, or 2020-12 if its `$schema` says so. Throws if the schema is not valid. */
export function validator(schema: Schema): (value: unknown) => unknown {
  if (typeof schema === 'boolean') return () => schema;
  const known = compiled.get(schema);
  if (known !== undefined) return known;
  // Unknown keywords are ignored, as in promptfoo, and `format` is only a note, as by the default of the standard.
  const options = { strict: false, validateFormats: false, logger: false } as const;
  const ajv = String(schema.$schema).includes('2020-12') ? new Ajv2020(options) : new Ajv(options);
  const validate = ajv.compile(schema);
  compiled.set(schema, validate);
  return validate;
}

/** What is wrong with a JSON Schema, or null if it is valid. */
export function schemaFault(schema: unknown): string | null {
  try {
    validator(schema as Schema);
    return null;
  } catch (error) {
    return messageOf(error);
  }
}
