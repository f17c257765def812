import * as z from 'zod';
import { notifySettings } from '../../src/events/notification.ts';
import { isPathSchema } from '../../src/events/paths.ts';
import { phase } from '../../src/events/phase.ts';
import { trainSettings } from '../../src/events/stages/train.ts';
import { workspaceConfig } from '../../src/events/workspace.ts';
import { table } from './markdown.ts';

type Schema = z.core.$ZodType;
type Json = z.core.JSONSchema.JSONSchema;

interface Key {
  readonly name: string;
  readonly schema: Schema;
}

/** Keys of a phase whose value is explained as a whole, in a section of its own. */
const whole = ['train', 'from', 'baseline'];

/** Every key of a phase config, with its default. */
export const phaseKeys = (): string => keyTable(keysOf(phase, whole));

/** The keys of `train` that phasebox reads itself. Their defaults are those of mlx_lm. */
export const trainKeys = (): string =>
  table(
    ['key', 'allowed', 'meaning'],
    keysOf(trainSettings, []).map(({ name, schema }) => [code(name), allowed(schema), meaning(name, schema)]),
  );

/** Every key of phasebox.yaml, with its default. */
export const workspaceKeys = (): string => keyTable(keysOf(workspaceConfig, []));

/** The keys of `notify` as a mapping. */
export const notifyKeys = (): string => keyTable(keysOf(notifySettings, []));

const keyTable = (keys: readonly Key[]): string =>
  table(
    ['key', 'allowed', 'default', 'meaning'],
    keys.map(({ name, schema }) => [code(name), allowed(schema), shownDefault(schema), meaning(name, schema)]),
  );

function shownDefault(schema: Schema): string {
  if (!(schema instanceof z.ZodDefault)) return '–';
  const value: unknown = schema.def.defaultValue;
  return code(typeof value === 'string' ? value : JSON.stringify(value).replaceAll(',', ', '));
}

/** All keys of an object, with those of its sections as `section.key`. */
function keysOf(schema: Schema, closed: readonly string[], name = ''): Key[] {
  const object = bare(schema);
  if (!(object instanceof z.ZodObject) || closed.includes(name)) return [{ name, schema }];
  return Object.entries(object.shape).flatMap(([key, inner]) =>
    keysOf(inner, closed, name === '' ? key : `${name}.${key}`),
  );
}

/** The schema inside of a default or an `optional`. */
function bare(schema: Schema): Schema {
  const { def } = schema._zod;
  return 'innerType' in def && schema._zod.def.type !== 'nullable' ? bare(def.innerType as Schema) : schema;
}

function meaning(name: string, schema: Schema): string {
  const description = z.globalRegistry.get(schema)?.description ?? z.globalRegistry.get(bare(schema))?.description;
  if (description === undefined) throw new Error(`the key ${name} has no description`);
  return description;
}

/** The allowed values of a key, in words. */
const allowed = (schema: Schema): string =>
  isPathSchema(bare(schema)) ? 'path' : words(z.toJSONSchema(bare(schema), { io: 'input', unrepresentable: 'any' }));

function words(json: Json): string {
  if (json.enum !== undefined) return json.enum.map((value) => code(String(value))).join(', ');
  if (json.const !== undefined) return code(String(json.const));
  if (json.anyOf !== undefined) return [...new Set(json.anyOf.map((form) => words(form as Json)))].join(', or ');
  switch (json.type) {
    case 'boolean':
      return '`true`, `false`';
    case 'integer':
    case 'number':
      return `${json.type === 'integer' ? 'whole number' : 'number'}${range(json)}`;
    case 'array':
      return `a list of ${plural(json.items as Json)}`;
    case 'object':
      return 'mapping';
    case 'null':
      return '`null`';
    default:
      return 'text';
  }
}

function plural(json: Json): string {
  const names: Readonly<Record<string, string>> = {
    array: 'lists of words',
    object: `\`{ ${Object.keys(json.properties ?? {}).join(', ')} }\``,
    integer: `whole numbers${range(json)}`,
    number: `numbers${range(json)}`,
  };
  return names[String(json.type)] ?? 'texts';
}

/** Zod limits every whole number to what JavaScript can count. */
function range({ minimum, exclusiveMinimum, maximum }: Json): string {
  const least = typeof minimum === 'number' && minimum > Number.MIN_SAFE_INTEGER ? minimum : undefined;
  const most = typeof maximum === 'number' && maximum < Number.MAX_SAFE_INTEGER ? maximum : undefined;
  if (typeof exclusiveMinimum === 'number') return ` above ${exclusiveMinimum}`;
  if (least !== undefined && most !== undefined) return `, ${least} to ${most}`;
  return least === undefined ? '' : `, at least ${least}`;
}

const code = (text: string): string => `\`${text}\``;
