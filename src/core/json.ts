import type * as z from 'zod';
import { isMapping } from './mapping.ts';

/** JSON with the keys of every mapping sorted: the same text for the same content. Undefined is the same as absent. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    isMapping(inner) ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1))) : inner,
  );
}

/** The value of a JSON text. Null if it is no JSON, torn by a crash, or not what the schema says. */
export const parsedOrNull = <S extends z.ZodType>(schema: S, text: string | null): z.output<S> | null =>
  schema.safeParse(jsonOrNull(text ?? '')).data ?? null;

/** Null if the text is not JSON. The caller then reports what is missing, or its schema refuses null. */
export function jsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // as documented
  }
}
