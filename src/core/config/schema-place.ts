import * as z from 'zod';
import { isMapping } from '../mapping.ts';
import type { Path } from './problem.ts';

export type Schema = z.core.$ZodType;

/** A schema without its wrappers (optional, nullable, with a default). */
function plain(schema: Schema): Schema {
  if (
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodNullable ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault
  ) {
    return plain(schema.unwrap());
  }
  return schema;
}

/** The part of a schema that a path leads to, with its wrappers. */
export function placeIn(schema: Schema, path: Path): Schema {
  return path.reduce<Schema>((outer, key) => {
    const here = plain(outer);
    if (here instanceof z.ZodObject) return here.shape[key] ?? here;
    if (here instanceof z.ZodRecord) return here.valueType;
    return here instanceof z.ZodArray ? here.element : here;
  }, schema);
}

/** The same without its wrappers. */
export const schemaAt = (schema: Schema, path: Path): Schema => plain(placeIn(schema, path));

export const keysOf = (schema: Schema): string[] => (schema instanceof z.ZodObject ? Object.keys(schema.shape) : []);

/** The forms that a value may have. */
export const formsOf = (schema: Schema): Schema[] => (schema instanceof z.ZodUnion ? schema.options.map(plain) : []);

/** The form whose first key is present: keys of other forms are not allowed then. */
export function formOf(union: Schema, seen: unknown): Schema | undefined {
  const led = formsOf(union).filter((form) => {
    const [lead] = keysOf(form);
    return lead !== undefined && isMapping(seen) && Object.hasOwn(seen, lead);
  });
  return led.length === 1 ? led[0] : undefined;
}
