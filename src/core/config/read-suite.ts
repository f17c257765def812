import { type Assertion, assertion, assertionProblem, checkOf } from '../../events/assertion.ts';
import { prompt as promptSchema, type Suite, suite, suiteFaults } from '../../events/suite.ts';
import { get, getAt, type Mapping } from '../mapping.ts';
import { schemaFault } from '../score/assert.ts';
import { readNulls } from './nulls.ts';
import { type Finding, locate, type Problem, pathText } from './problem.ts';
import { openYaml, readYamlData } from './read-yaml.ts';
import { findIssues } from './validate.ts';

export type SuiteResult =
  | { readonly suite: Suite; readonly warnings?: readonly string[] }
  | { readonly problems: readonly Problem[] };

/** The last suite that was read: the configs of a night share one, and reading it is a third of accepting a config. */
let latest: { readonly text: string; readonly file: string; readonly result: SuiteResult } | null = null;

/** An eval suite from its YAML; else all that is wrong in it, with lines. `file`: its name in the problems. */
export function readSuite(text: string | Uint8Array, file: string): SuiteResult {
  const key = typeof text === 'string' ? text : new TextDecoder().decode(text);
  if (latest?.text === key && latest.file === file) return latest.result;
  const result = parseSuite(text, file);
  latest = { text: key, file, result };
  return result;
}

function parseSuite(text: string | Uint8Array, file: string): SuiteResult {
  // A suite may have thousands of prompts.
  const yaml = openYaml(readYamlData(text, file, Number.POSITIVE_INFINITY));
  if (!yaml.ok) return { problems: yaml.problems };
  const { source } = yaml;
  const nulls = readNulls(source, { schema: suite });
  const result = suite.safeParse(nulls.value);
  const found = result.success
    ? [...nulls.findings, ...schemaFaults(result.data.prompts.map(({ assert = [] }) => [...assert.entries()]))]
    : [...nulls.findings, ...allFaults(nulls.value)];
  if (!result.success || found.length > 0) return { problems: locate(found, [source]) };
  return { suite: result.data, ...(nulls.warnings.length > 0 ? { warnings: nulls.warnings } : {}) };
}

/**
 * All that is wrong with a suite that is none. Its schema alone would stop at its own faults; two prompts with one id and
 * a bad regular expression are said with them.
 */
function allFaults(value: Mapping): Finding[] {
  const prompts: readonly unknown[] = Array.isArray(value.prompts) ? value.prompts : [];
  const read = prompts.map((one) => ({ id: get(one, 'id'), prompt: promptSchema.safeParse(one).data ?? null }));
  const asserts = prompts.map((one) => wholeAsserts(get(one, 'assert')));
  const rules = [...suiteFaults(read, value.scorer !== undefined), ...asserts.flatMap(valueFaults)];
  const located = rules.map(({ path, message }) => ({ path, message, seen: getAt(value, path) }));
  return unique([...findIssues(suite, value), ...located, ...schemaFaults(asserts)]);
}

function unique(findings: readonly Finding[]): Finding[] {
  return [...new Map(findings.map((one) => [`${pathText(one.path)}: ${one.message}`, one])).values()];
}

/** Assertions of one prompt by their places. */
type Asserts = readonly (readonly [place: number, one: Assertion])[];

/** Those that are what their schema asks for. */
function wholeAsserts(given: unknown): Asserts {
  if (!Array.isArray(given)) return [];
  return given.flatMap((one, place) => {
    const read = assertion.safeParse(one);
    return read.success ? [[place, read.data] as const] : [];
  });
}

function valueFaults(asserts: Asserts, index: number): Pick<Finding, 'path' | 'message'>[] {
  return asserts.flatMap(([place, one]) => {
    const fault = assertionProblem(one);
    return fault === null ? [] : [{ path: ['prompts', index, 'assert', place, fault.key], message: fault.message }];
  });
}

/** JSON Schemas that cannot be compiled: told now, not after a night. */
function schemaFaults(prompts: readonly Asserts[]): Finding[] {
  return prompts.flatMap((asserts, index) =>
    asserts.flatMap(([place, one]) => {
      const message = checkOf(one).check === 'is-json' && one.value !== undefined ? schemaFault(one.value) : null;
      const path = ['prompts', index, 'assert', place, 'value'];
      return message === null ? [] : [{ path, seen: one.value, message: `this is no valid JSON Schema: ${message}` }];
    }),
  );
}

/** Names of the categories, in the order of their first prompt. */
export const categoriesOf = ({ prompts }: Suite): string[] => [...new Set(prompts.map(({ category }) => category))];
