import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { didYouMean } from '../core/closest.ts';
import { CommandError } from '../core/errors.ts';
import { packageRoot } from '../io/host/package-root.ts';
import { print } from './parts/output.ts';
import type { Register } from './parts/register.ts';
import { documented } from './parts/usage.ts';

const names: readonly string[] = ['phase', 'workspace'];

/** A JSON Schema as a file for editors. It is in the installed package. */
export const schemaFile = (name: string): string => join(packageRoot().folder, 'schemas', `${name}.schema.json`);

/** The JSON Schema as text. Throws CommandError 2 if there is no schema of this name. */
export async function schemaText(name: string): Promise<string> {
  if (names.includes(name)) return readFile(schemaFile(name), 'utf8');
  throw new CommandError(2, `There is no schema of ${name}. ${didYouMean(name, names)}Allowed: ${names.join(', ')}.`);
}

/** `phasebox schema [phase|workspace]` */
export const registerSchema: Register = (program) => {
  documented(program.command('schema [what]'), {
    does: 'Print the JSON Schema of configs',
    notes: ['With `workspace` it is the schema of phasebox.yaml.'],
    examples: ['phasebox schema > phase.schema.json', 'phasebox schema workspace'],
    exits: { 0: 'the schema is printed', 2: 'there is no such schema' },
  }).action(async (what: string | undefined) => print(await schemaText(what ?? 'phase')));
};
