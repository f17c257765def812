import { assertion, checkOf } from '../../events/assertion.ts';
import { type Suite, suite } from '../../events/suite.ts';
import { get, type Mapping } from '../mapping.ts';
import { schemaFault } from '../score/assert.ts';
import { readNulls } from './nulls.ts';
import { type Finding, locate, type Problem } from './problem.ts';
import { openYaml, readYamlData } from './read-yaml.ts';
import { findIssues } from './validate.ts';

export type SuiteResult =
  | { readonly suite: Suite; readonly warnings?: readonly string[] }
  | { readonly problems: readonly Problem[] };

/** The last suite that was read: the configs of a night share one, and reading it is a third of accepting a config. */
let latest: { readonly text: string; readonly file: string; readonly result: SuiteResult } | null = null;

/** An eval suite from its YAML, or everything that is wrong in it, with lines. `file` is its name in the problems. */
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
  const faults = result.success ? [] : findIssues(suite, nulls.value);
  const found = [...nulls.findings, ...faults, ...schemaFaults(nulls.value)];
  if (!result.success || found.length > 0) return { problems: locate(found, [source]) };
  return { suite: result.data, ...(nulls.warnings.length > 0 ? { warnings: nulls.warnings } : {}) };
}

/** JSON Schemas that cannot be compiled are reported now, and not after a night. */
function schemaFaults({ prompts }: Mapping): Finding[] {
  const itemsOf = (list: unknown): readonly unknown[] => (Array.isArray(list) ? list : []);
  return itemsOf(prompts).flatMap((prompt, index) =>
    itemsOf(get(prompt, 'assert')).flatMap((given, place) => {
      const one = assertion.safeParse(given).data;
      if (one?.value === undefined || checkOf(one).check !== 'is-json') return [];
      const message = schemaFault(one.value);
      const path = ['prompts', index, 'assert', place, 'value'];
      return message === null ? [] : [{ path, seen: one.value, message: `not a valid JSON Schema: ${message}` }];
    }),
  );
}

/** Names of the categories, in the order of their first prompt. */
export const categoriesOf = ({ prompts }: Suite): string[] => [...new Set(prompts.map(({ category }) => category))];
