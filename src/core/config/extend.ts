import { isMapping, type Mapping } from '../mapping.ts';
import type { Path } from './problem.ts';

/** What a phase says about itself: never inherited by one that extends it. */
const ownKeys = new Set(['phase', 'title', 'hypothesis', 'notes', 'variants', 'seeds', 'from', 'extends']);

/** `null` means "as if absent" everywhere except here, where it is a value: unquantized. */
const isValue = (path: Path): boolean => path.length === 2 && path[0] === 'fuse' && path[1] === 'q_bits';

/** Merges mappings key by key. Lists and scalars replace. Null removes, and only stays as `fuse.q_bits`. */
export function overlay(base: Mapping, over: Mapping, path: Path = []): Mapping {
  const merged = new Map(Object.entries(base));
  for (const [key, value] of Object.entries(over)) {
    const place = [...path, key];
    const inherited = merged.get(key);
    if (value === null && !isValue(place)) merged.delete(key);
    else if (isMapping(value)) merged.set(key, overlay(isMapping(inherited) ? inherited : {}, value, place));
    else merged.set(key, Array.isArray(value) ? value.map(withoutNulls) : value);
  }
  return Object.fromEntries(merged);
}

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  return isMapping(value) ? overlay({}, value, ['in a list']) : value;
}

/** A config as written, merged over what it inherits. In `variants` nulls stay, since they remove keys of the phase. */
export function merged(base: Mapping, own: Mapping): Mapping {
  const { variants, ...rest } = own;
  const inherited = Object.fromEntries(Object.entries(base).filter(([key]) => !ownKeys.has(key)));
  const result = overlay(overlay({}, inherited), rest);
  if (!isMapping(variants)) return variants === undefined || variants === null ? result : { ...result, variants };
  const named = Object.entries(variants).filter(([, value]) => value !== null);
  return { ...result, variants: Object.fromEntries(named) };
}
