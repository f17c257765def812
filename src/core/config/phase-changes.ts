import { type ChangedValue, differences, isMapping, type Mapping } from '../mapping.ts';
import { valueText } from '../printable.ts';
import { shownAt } from '../secrets.ts';
import { seedList } from './plan-runs.ts';

/** `path: before -> after`, one line per differing value. Key order and formatting do not count. */
export const changedLines = (before: unknown, after: unknown, path = ''): string[] =>
  differences(before, after, path).flatMap(linesOf);

function linesOf({ path, before, after }: ChangedValue): string[] {
  if (isListOfMappings(before) && isListOfMappings(after) && before.length === after.length)
    return before.flatMap((item, index) => changedLines(item, after[index], `${path}[${index}]`));
  return [`${path}: ${shown(shownAt(path, before))} -> ${shown(shownAt(path, after))}`];
}

/** What is in `all` in addition to `part`. A seed that is given twice counts twice. */
export function seedsBeyond(all: readonly number[], part: readonly number[]): number[] {
  const left = [...part];
  return all.filter((seed) => {
    const index = left.indexOf(seed);
    if (index === -1) return true;
    left.splice(index, 1);
    return false;
  });
}

/** Values that a config changes, and accepted seeds and variants that it lacks. None of either if it only adds some. */
export function phaseChanges(accepted: Mapping, config: Mapping) {
  const { seeds: seedsBefore, variants: variantsBefore, ...before } = accepted;
  const { seeds: seedsAfter, variants: variantsAfter, ...after } = config;
  const lost = seedsBeyond(seedList(seedsBefore), seedList(seedsAfter));
  const known = isMapping(variantsBefore) ? variantsBefore : {};
  const given = isMapping(variantsAfter) ? variantsAfter : {};
  const kept = Object.keys(known).filter((name) => name in given);
  const gone = Object.keys(known).filter((name) => !(name in given));
  return {
    changed: [
      ...changedLines(before, after),
      ...kept.flatMap((name) => changedLines(known[name], given[name], `variants.${name}`)),
    ],
    missing: [
      ...(lost.length === 0 ? [] : [`seeds: ${lost.join(', ')} removed`]),
      ...gone.map((name) => `variants.${name}: removed`),
    ],
  };
}

function isListOfMappings(value: unknown): value is Mapping[] {
  return Array.isArray(value) && value.length > 0 && value.every(isMapping);
}

function shown(value: unknown): string {
  return value === undefined ? '(absent)' : typeof value === 'string' ? JSON.stringify(value) : valueText(value);
}
