import { checkOf } from '../../events/assertion.ts';
import { type Suite, suite } from '../../events/suite.ts';
import { schemaFault } from '../score/assert.ts';
import { type Finding, locate, type Problem } from './problem.ts';
import { readYaml } from './read-yaml.ts';
import { findIssues } from './validate.ts';

export type SuiteResult = { readonly suite: Suite } | { readonly problems: readonly Problem[] };

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
  const yaml = readYaml(text, file);
  if (!yaml.ok) return { problems: yaml.problems };
  const result = suite.safeParse(yaml.source.value);
  if (!result.success) return { problems: locate(findIssues(suite, yaml.source.value), [yaml.source]) };
  const faults = schemaFaults(result.data);
  return faults.length === 0 ? { suite: result.data } : { problems: locate(faults, [yaml.source]) };
}

/** JSON Schemas that cannot be compiled: told now, not after a night. */
function schemaFaults({ prompts }: Suite): Finding[] {
  return prompts.flatMap(({ assert = [] }, index) =>
    assert.flatMap((one, at) => {
      const message = checkOf(one).check === 'is-json' && one.value !== undefined ? schemaFault(one.value) : null;
      const path = ['prompts', index, 'assert', at, 'value'];
      return message === null ? [] : [{ path, seen: one.value, message: `this is no valid JSON Schema: ${message}` }];
    }),
  );
}

/** Names of the categories, in the order of their first prompt. */
export const categoriesOf = ({ prompts }: Suite): string[] => [...new Set(prompts.map(({ category }) => category))];
