import * as z from 'zod';
import { isMapping } from '../../src/core/mapping.ts';
import { phase } from '../../src/events/phase.ts';
import { sectionNames, stages } from '../../src/events/stages.ts';
import { workspaceConfig } from '../../src/events/workspace.ts';

type JsonSchema = z.core.JSONSchema.JSONSchema;

/** YAML reads 43 and no as values other than text. As names they are used as written. */
const asWritten = ['string', 'number', 'boolean'] as const;

/**
 * JSON Schema (2020-12) of a phase config for editors: what may be written, with a line about each key. It requires no
 * more than `phase`, since the rest may come from `extends` or `from`.
 */
export function phaseJsonSchema(): JsonSchema {
  const schema = inputSchema(phase);
  const properties = schema.properties ?? {};
  return {
    ...schema,
    title: 'phasebox: a phase config',
    properties: {
      ...properties,
      ...Object.fromEntries(['phase', 'extends', 'revision'].map((key) => [key, named(properties[key])])),
      eval: part(properties.eval),
      variants: variants(properties.variants),
    },
  };
}

/** JSON Schema (2020-12) of phasebox.yaml. */
export const workspaceJsonSchema = (): JsonSchema => ({
  ...inputSchema(workspaceConfig),
  title: 'phasebox: phasebox.yaml',
});

/** Whole numbers have JavaScript's own limit, which means nothing to people. */
function inputSchema(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, {
    io: 'input',
    override: ({ jsonSchema }) => {
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
    },
  });
}

function named(schema: unknown): JsonSchema {
  const { minLength: _none, ...rest } = isMapping(schema) ? schema : {};
  return { ...rest, type: [...asWritten] };
}

/** A section of which a part may be inherited. */
function part(schema: unknown): JsonSchema {
  const { required: _inherited, ...rest } = isMapping(schema) ? schema : {};
  return rest;
}

/** A variant may have a part of each section, and null to remove something. */
function variants(schema: unknown): JsonSchema {
  const properties: Record<string, JsonSchema> = {};
  for (const name of sectionNames) properties[name] = orNull(inputSchema(stages[name].settings));
  const overlay: JsonSchema = { type: 'object', properties, additionalProperties: false };
  return { ...(isMapping(schema) ? schema : {}), additionalProperties: overlay };
}

function orNull(schema: JsonSchema): JsonSchema {
  const { $schema: _root, required: _inherited, properties, ...rest } = schema;
  const nullable: Record<string, JsonSchema> = {};
  for (const [key, value] of Object.entries(properties ?? {})) {
    const { description, default: _filled, ...type } = isMapping(value) ? value : {};
    nullable[key] = {
      ...(typeof description === 'string' ? { description } : {}),
      anyOf: [type, { type: 'null' }],
    };
  }
  return { anyOf: [{ ...rest, properties: nullable }, { type: 'null' }] };
}
