import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packageRoot } from '../io/host/package-root.ts';
import { documented, oneOf, type Register } from './parts/command.ts';
import { print } from './parts/output.ts';

/** A JSON Schema as a file for editors. It is in the installed package. */
export const schemaFile = (name: 'phase' | 'workspace'): string =>
  join(packageRoot().folder, 'schemas', `${name}.schema.json`);

export const registerSchema: Register = (program) => {
  documented(program.command('schema'), {
    does: 'Print the JSON Schema of configs',
    examples: ['phasebox schema > phase.schema.json', 'phasebox schema workspace'],
    exits: { 0: 'the schema is printed', 2: 'there is no such schema' },
  })
    .argument(
      '[what]',
      '`phase` for configs, or `workspace` for phasebox.yaml',
      oneOf(['phase', 'workspace']),
      'phase' as const,
    )
    .action(async (what: 'phase' | 'workspace') => print(await readFile(schemaFile(what), 'utf8')));
};
