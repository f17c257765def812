import { getAt, isMapping, type Mapping } from '../mapping.ts';
import type { Lookups } from './lookups.ts';
import { type Finding, locate, type Path, type Problem, type Source, seenText } from './problem.ts';
import { asWritten, readPhaseNulls } from './read-phase.ts';
import { suggestion } from './validate.ts';

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

/** What a config extends. `findings` are about its `extends:` line, and `problems` are in the other file. */
export interface Base {
  readonly value: Mapping;
  readonly sources: readonly Source[];
  readonly findings: readonly Finding[];
  readonly problems: readonly Problem[];
  /** Doubts about the other file. */
  readonly warnings: readonly string[];
}

const none: Base = { value: {}, sources: [], findings: [], problems: [], warnings: [] };

/** The accepted phase or the file that `extends:` names, or an empty mapping if there is none. */
export async function readBase(own: Mapping, lookups: Lookups): Promise<Base> {
  const { extends: name, phase } = own;
  if (typeof name !== 'string' || name === '') return none;
  const fail = (message: string, hint?: string): Base => ({
    ...none,
    findings: [{ path: ['extends'], seen: name, message, hint }],
  });
  if (typeof phase === 'string' && phase.toLowerCase() === name.toLowerCase())
    return fail('a phase cannot extend itself');
  const record = await lookups.phaseRecord(name);
  if (record !== null) {
    const source = {
      file: `phase ${record.phase}`,
      find: (path: Path) => ({ depth: depthIn(record.config, path), line: null }),
    };
    return oneLevel({ ...none, value: record.config, sources: [source] }, name, fail);
  }
  const path = lookups.absolute(name);
  if (!lookups.isInside(path)) return fail('allowed: the name of an accepted phase, or a file in the workspace');
  const file = await lookups.read(path);
  if (!file.ok) {
    const message = `no phase of this name is accepted, and as a file: ${file.message}`;
    return fail(message, suggestion(name, await lookups.phaseNames()));
  }
  const yaml = await lookups.yaml(file.bytes, name);
  if (!yaml.ok) return { ...none, problems: yaml.problems };
  const { findings, warnings } = await readPhaseNulls(yaml.source, lookups);
  const problems = locate(findings, [yaml.source]);
  const reported = warnings.map((text) => `${name}: ${text}`);
  const base = { ...none, value: asWritten(yaml.source), sources: [yaml.source], problems, warnings: reported };
  return oneLevel(base, name, fail);
}

function oneLevel(base: Base, name: string, fail: (message: string, hint?: string) => Base): Base {
  const further = base.value.extends;
  if (further === undefined || further === null) return base;
  return fail(`${name} itself extends ${seenText(further)}; allowed: one level`, `write out what ${name} takes over`);
}

function depthIn(value: Mapping, path: Path): number {
  const there = path.findIndex((_, index) => getAt(value, path.slice(0, index + 1)) === undefined);
  return there < 0 ? path.length : there;
}
