/** A YAML or JSON mapping. */
export type Mapping = Readonly<Record<string, unknown>>;

/** True for a plain mapping, and not for a list or null. */
export function isMapping(value: unknown): value is Mapping {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Own keys only: `constructor` is an ordinary word in a config. */
export function get(mapping: unknown, key: string | number): unknown {
  if (Array.isArray(mapping)) return mapping[Number(key)];
  return isMapping(mapping) && Object.hasOwn(mapping, key) ? mapping[key] : undefined;
}

/** The value at a path, or undefined if it does not exist. */
export function getAt(value: unknown, path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>((inner, key) => get(inner, key), value);
}

/** A copy without the values at these paths. A list with one is removed, since its other places would move. */
export function without(mapping: Mapping, paths: readonly (readonly (string | number)[])[]): Mapping {
  const below = new Map<string, (readonly (string | number)[])[]>();
  for (const [key, ...rest] of paths) below.set(String(key), [...(below.get(String(key)) ?? []), rest]);
  const entries = Object.entries(mapping).flatMap(([key, value]): [string, unknown][] => {
    const inner = below.get(key);
    if (inner === undefined) return [[key, value]];
    const goes = !isMapping(value) || inner.some((rest) => rest.length === 0);
    return goes ? [] : [[key, without(value, inner)]];
  });
  return Object.fromEntries(entries);
}

/** Same content, whatever the order of keys. */
export function isSame(a: unknown, b: unknown): boolean {
  // 0 and -0 are the same, and NaN is the same as itself.
  if (a === b || Object.is(a, b)) return true;
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, index) => isSame(item, b[index]));
  }
  if (!isMapping(a) || !isMapping(b)) return false;
  const keys = (mapping: Mapping): string[] => Object.keys(mapping).filter((key) => mapping[key] !== undefined);
  const [left, right] = [keys(a), keys(b)];
  return left.length === right.length && left.every((key) => Object.hasOwn(b, key) && isSame(a[key], b[key]));
}

/** A value that differs between two mappings. Undefined if it is absent on that side. */
export interface ChangedValue {
  /** `train.iters`. */
  readonly path: string;
  readonly before: unknown;
  readonly after: unknown;
}

/** The values that differ, in the order of `before`. A list is one value, and a missing mapping counts as empty. */
export function differences(before: unknown, after: unknown, path = ''): ChangedValue[] {
  const [from, to] = [entriesIn(before), entriesIn(after)];
  const keys = from === null || to === null ? [] : [...new Set([...Object.keys(from), ...Object.keys(to)])];
  if (from !== null && to !== null && keys.length > 0)
    return keys.flatMap((key) => differences(from[key], to[key], path === '' ? key : `${path}.${key}`));
  return isSame(before, after) ? [] : [{ path, before, after }];
}

const entriesIn = (value: unknown): Mapping | null => (value === undefined ? {} : isMapping(value) ? value : null);

/** Without null and mappings of nothing else, such as `{ adam: {}, sgd: {} }`. Undefined if nothing is left. */
export function withoutUnset(value: unknown): unknown {
  if (!isMapping(value)) return value ?? undefined;
  const entries = Object.entries(value).flatMap(([key, inner]) => {
    const set = withoutUnset(inner);
    return set === undefined ? [] : [[key, set] as const];
  });
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}
