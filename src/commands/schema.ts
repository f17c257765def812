import { join } from 'node:path';
import * as z from 'zod';
import { didYouMean } from '../core/closest.ts';
import { phaseJsonSchema } from '../core/config/json-schema.ts';
import { CommandError } from '../core/errors.ts';
import { workspaceConfig } from '../events/workspace.ts';
import { packageRoot } from '../io/host/package-root.ts';
import { print } from './parts/output.ts';
import type { Register } from './parts/register.ts';
import { documented } from './parts/usage.ts';

/** What there is a schema of, by the word that asks for it. */
const schemas: Readonly<Record<string, () => object>> = { phase: phaseJsonSchema, workspace: workspaceJsonSchema };

/** JSON Schema (2020-12) of phasebox.yaml. */
function workspaceJsonSchema(): object {
  const schema = z.toJSONSchema(workspaceConfig, {
    io: 'input',
    override: ({ jsonSchema }) => {
      // JavaScript's own limit of whole numbers says nothing to people.
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
    },
  });
  return { ...schema, title: 'phasebox: phasebox.yaml' };
}

/** The JSON Schema as text. Throws CommandError 2 for a name that there is no schema of. */
export function schemaText(name: string): string {
  const make = Object.hasOwn(schemas, name) ? schemas[name] : undefined;
  if (make === undefined) {
    const names = Object.keys(schemas);
    throw new CommandError(2, `There is no schema of ${name}. ${didYouMean(name, names)}Allowed: ${names.join(', ')}.`);
  }
  return `${JSON.stringify(make(), null, 2)}\n`;
}

/** The schema of phase configs as a file that editors can be pointed at: it lies in the installed package. */
export const schemaFile = (): string => join(packageRoot().folder, 'schemas', 'phase.schema.json');

/** `phasebox schema [phase|workspace]` */
export const registerSchema: Register = (program) => {
  documented(program.command('schema [what]'), {
    does: 'Print the JSON Schema of configs',
    notes: ['With `workspace` it is the schema of phasebox.yaml.'],
    examples: ['phasebox schema > phase.schema.json', 'phasebox schema workspace'],
    exits: { 0: 'the schema is printed', 2: 'there is no such schema' },
  }).action((what: string | undefined) => {
    print(schemaText(what ?? 'phase'));
  });
};
