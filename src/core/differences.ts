import { isMapping, isSame, type Mapping } from './mapping.ts';

/** A value that differs between two mappings. Undefined if it is absent on that side. */
export interface ChangedValue {
  /** `train.iters`. */
  readonly path: string;
  readonly before: unknown;
  readonly after: unknown;
}

/**
 * The values that differ, in the order of the first mapping. What only the second has follows in its section. The order
 * of keys does not count, and a list is one value. If one side lacks a mapping, its values are listed one by one.
 */
export function differences(before: unknown, after: unknown, path = ''): ChangedValue[] {
  const [from, to] = [entriesIn(before), entriesIn(after)];
  const keys = from === null || to === null ? [] : [...new Set([...Object.keys(from), ...Object.keys(to)])];
  if (from !== null && to !== null && keys.length > 0)
    return keys.flatMap((key) => differences(from[key], to[key], path === '' ? key : `${path}.${key}`));
  return isSame(before, after) ? [] : [{ path, before, after }];
}

const entriesIn = (value: unknown): Mapping | null => (value === undefined ? {} : isMapping(value) ? value : null);

/**
 * Without null and without mappings that contain nothing else, such as `{ adam: {}, sgd: {} }`. Undefined if nothing is
 * left.
 */
export function withoutUnset(value: unknown): unknown {
  if (!isMapping(value)) return value ?? undefined;
  const entries = Object.entries(value).flatMap(([key, inner]) => {
    const set = withoutUnset(inner);
    return set === undefined ? [] : [[key, set] as const];
  });
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}
