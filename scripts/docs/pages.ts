import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { fullProgram } from '../../src/commands/index.ts';
import { commandList, commandSections, globalOptions } from './commands.ts';
import { errorSections } from './errors.ts';
import { phaseJsonSchema, workspaceJsonSchema } from './json-schema.ts';
import { notifyKeys, phaseKeys, trainKeys, workspaceKeys } from './keys.ts';

/** The guides, in the order of reading. */
export const guides = [
  'start',
  'from-a-bash-script',
  'config',
  'suites',
  'data',
  'results',
  'running',
  'commands',
  'errors',
  'engines',
  'reliability',
].map((name) => `docs/${name}.md`);

/** The content between `<!-- generated: NAME -->` and `<!-- end -->` of a page. */
const parts: Readonly<Record<string, (program: Command) => string>> = {
  'command list': commandList,
  'global options': globalOptions,
  commands: commandSections,
  errors: errorSections,
  'phase keys': phaseKeys,
  'train keys': trainKeys,
  'workspace keys': workspaceKeys,
  'notify keys': notifyKeys,
};

/** The required content of every page that is made in part or completely from the code: path -> text. */
export async function generatedPages(repository: string): Promise<ReadonlyMap<string, string>> {
  const read = (path: string): Promise<string> => readFile(join(repository, path), 'utf8');
  const program = await fullProgram();
  const pages = new Map<string, string>();
  for (const path of ['README.md', ...guides]) pages.set(path, filled(path, await read(path), program));
  // Editors and `phasebox schema` read these in the installed package.
  pages.set('schemas/phase.schema.json', `${JSON.stringify(phaseJsonSchema(), null, 2)}\n`);
  pages.set('schemas/workspace.schema.json', `${JSON.stringify(workspaceJsonSchema(), null, 2)}\n`);
  pages.set('llms.txt', llmsText([...pages].filter(([path]) => guides.includes(path))));
  return pages;
}

function filled(path: string, text: string, program: Command): string {
  return text.replace(/(<!-- generated: (.*?) -->\n)[\s\S]*?(<!-- end -->)/g, (_all, begin, name, end) => {
    const make = parts[name];
    if (make === undefined) throw new Error(`${path}: there is no generated part "${name}"`);
    return `${begin}\n${make(program)}\n\n${end}`;
  });
}

/** https://llmstxt.org: a title, a summary, and one line per page. */
function llmsText(pages: readonly (readonly [path: string, text: string])[]): string {
  const lines = pages.map(([path, text]) => {
    const [, title, first] = /^# (.*)\n\n([\s\S]*?\.)(?=\s)/.exec(text) ?? [];
    if (title === undefined || first === undefined) throw new Error(`${path} begins with no title and sentence`);
    return `- [${title}](${path}): ${first.replaceAll('\n', ' ')}`;
  });
  return `# phasebox

> Runs LoRA fine-tuning experiments overnight on one machine with mlx_lm, from YAML files in an inbox. In the morning a report says which experiment is better, and whether the difference is real.

Read README.md first. \`phasebox COMMAND --help\` has the options and exit codes of a command, and \`phasebox schema\` the JSON Schema of a config.

## Docs

${lines.join('\n')}

## Optional

- [Architecture](ARCHITECTURE.md): How the code is built, and where to change what.
- [Contributing](CONTRIBUTING.md): How to set up, run one test and add a stage.
- [Changelog](CHANGELOG.md): What changed in each version.
`;
}
