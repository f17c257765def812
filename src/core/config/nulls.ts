import * as z from 'zod';
import { isPathSchema } from '../../events/paths.ts';
import { isMapping, type Mapping } from '../mapping.ts';
import { type Checked, type Finding, type Path, pathText } from './problem.ts';
import type { YamlSource } from './read-yaml.ts';
import { nameHint, oddSpaceHint, unspaced } from './slips.ts';
import { closestName, formOf, formsOf, notAllowed, type Schema, schemaAt } from './validate.ts';
import type { EmptyKey } from './yaml-tree.ts';

/** Keys of a mapping that its schema does not define: the installed mlx_lm defines those of `train`. */
export interface FurtherKeys {
  readonly names: readonly string[];
  refuse(key: string, path: Path): readonly Finding[];
}

export interface NullsScope {
  readonly schema: Schema;
  readonly further?: FurtherKeys | undefined;
}

/** `value` has no nulls that mean absent, and no keys that the findings are about. */
export interface NullsRead extends Checked {
  readonly value: Mapping;
}

/**
 * Defines what null means: "as if absent" for a known key, and for no other. An unknown key is refused even without a
 * value, since it is nearly always a known one with a typing error (`{iters:800}`). A known key that is left empty
 * gives a warning, and `{ mask_prompt }` is refused, since its author means true.
 */
export function readNulls(source: YamlSource, scope: NullsScope): NullsRead {
  const nulls: NullKey[] = [];
  const rest = settle(source.value, { schema: scope.schema, path: [], scope, note: (one) => void nulls.push(one) });
  const written = new Map(source.empty.map((one) => [JSON.stringify(one.path), one]));
  const judged = nulls.map((one) => explainNull(one, written.get(JSON.stringify(one.path)), source));
  const split = source.split.map(
    ({ path, hint }) => `${placeText(path, source)}: ${hint}, or a space behind each comma`,
  );
  return {
    value: isMapping(rest) ? rest : {},
    findings: judged.flatMap(({ findings }) => findings),
    warnings: [...judged.flatMap(({ warning }) => warning ?? []), ...split],
  };
}

/** `absent`: null means absent. `value`: null is a value. `free`: any key is allowed there. `unknown`: it is not. */
interface NullKey {
  readonly path: Path;
  readonly key: string;
  readonly kind: 'absent' | 'value' | 'free' | 'unknown';
  readonly shape: Shape;
}

/** What a mapping may contain. `others` is the schema of keys that are not named, or null if there are none. */
interface Shape {
  readonly known: Readonly<Record<string, Schema>>;
  readonly others: Schema | null;
  readonly further: FurtherKeys | null;
}

const anything: Shape = { known: {}, others: z.unknown(), further: null };

function shapeOf(schema: Schema, value: Mapping, further: FurtherKeys | null): Shape {
  const here = schemaAt(schema, []);
  if (here instanceof z.ZodRecord) return { known: {}, others: here.valueType, further: null };
  if (here instanceof z.ZodObject) {
    const { catchall } = here.def;
    const open = catchall !== undefined && !(catchall instanceof z.ZodNever);
    if (open && further !== null) return { known: here.shape, others: null, further };
    return { known: here.shape, others: open ? catchall : null, further: null };
  }
  if (!(here instanceof z.ZodUnion)) return anything;
  const form = formOf(here, value);
  if (form !== undefined) return shapeOf(form, value, null);
  const shapes = formsOf(here).flatMap((one) => (one instanceof z.ZodObject ? [one.shape] : []));
  return { known: Object.assign({}, ...shapes), others: null, further: null };
}

interface Walk {
  readonly schema: Schema;
  readonly path: Path;
  readonly scope: NullsScope;
  readonly note: (one: NullKey) => void;
}

function settle(value: unknown, walk: Walk): unknown {
  const { schema, path, scope, note } = walk;
  if (Array.isArray(value)) {
    const here = schemaAt(schema, []);
    const element = here instanceof z.ZodArray ? here.element : z.unknown();
    return value.map((item, index) => settle(item, { ...walk, schema: element, path: [...path, index] }));
  }
  if (!isMapping(value)) return value;
  const shape = shapeOf(schema, value, scope.further ?? null);
  const entries = Object.entries(value).flatMap(([key, item]): [string, unknown][] => {
    const place = [...path, key];
    const own = Object.hasOwn(shape.known, key) ? shape.known[key] : undefined;
    if (item !== null)
      return [[key, settle(item, { ...walk, schema: own ?? shape.others ?? z.unknown(), path: place })]];
    const kind = kindOf(key, own, shape);
    note({ path: place, key, kind, shape });
    return kind === 'absent' || kind === 'unknown' ? [] : [[key, item]];
  });
  return Object.fromEntries(entries);
}

function kindOf(key: string, own: Schema | undefined, { others, further }: Shape): NullKey['kind'] {
  if (own !== undefined) return z.safeParse(own, null).success ? 'value' : 'absent';
  if (further?.names.includes(key)) return 'absent';
  return others === null ? 'unknown' : 'free';
}

function explainNull(one: NullKey, written: EmptyKey | undefined, source: YamlSource) {
  const { path, key, kind, shape } = one;
  const isTilde = written?.kind === 'tilde';
  const seen = written === undefined || isTilde ? { seen: null } : {};
  const own = shape.known[key];
  const refused = own === undefined ? (shape.further?.refuse(key, path) ?? []) : [];
  if (kind !== 'unknown' && refused.length > 0) return { findings: refused };
  if (written?.kind === 'bare') {
    // As written: YAML reads 000 as 0.
    const place = [...path.slice(0, -1), written.text];
    return { findings: [{ path: place, ...bareSlip(one, written, refused) }] };
  }
  if (kind === 'unknown') return { findings: [{ path, ...seen, ...unknownKey(one, refused) }] };
  if (written === undefined || (isTilde && !(own !== undefined && isPathSchema(schemaAt(own, [])))))
    return { findings: [] };
  if (kind === 'value' && own !== undefined && (z.safeParse(own, undefined).data ?? null) !== null)
    return { findings: [{ path, message: 'a value is missing', hint: `write one, or \`${key}: null\`` }] };
  const effect = kind === 'free' ? '' : ', so its default applies';
  if (isTilde) {
    if (own !== undefined && !z.safeParse(own, undefined).success)
      return { findings: [{ path, message: 'a value is missing', hint: `${tildeText}: write ${homeText}` }] };
    return {
      findings: [],
      warning: `${placeText(path, source)}: ${tildeText}${effect}; write ${homeText}, or null if that is intended`,
    };
  }
  return {
    findings: [],
    warning: `${placeText(path, source)} is empty${effect}; write a value, or null if that is intended`,
  };
}

const tildeText = '~ alone is null in YAML';
const homeText = '"~" in quotes for the home folder';

/** `line 4: train.iters`. */
function placeText(path: Path, source: YamlSource): string {
  const { line } = source.find(path);
  return `${line === null ? '' : `line ${line}: `}${pathText(path)}`;
}

const namesOf = ({ known, further }: Shape): string[] => [...Object.keys(known), ...(further?.names ?? [])];

const unknownKey = ({ key, shape }: NullKey, [refused]: readonly Finding[]): Pick<Finding, 'message' | 'allowed'> =>
  refused ?? notAllowed('unknown key', key, namesOf(shape));

/** What is wrong with an entry that is only a name, and what was intended. */
function bareSlip(one: NullKey, { text, numberHint }: EmptyKey, refused: readonly Finding[]) {
  const { key, kind, shape } = one;
  const names = namesOf(shape);
  const message = kind === 'unknown' ? 'unknown key' : 'a value is missing';
  if (numberHint !== null) return { message, hint: numberHint };
  const parts = unspaced(text);
  const noName = oddSpaceHint(text, 'this entry') ?? (parts === null ? nameHint(text) : undefined);
  if (noName !== undefined) return { message, hint: noName };
  const word = parts?.key ?? key.replace(/^-+/, '');
  const name = kind === 'unknown' ? closestName(word, names) : word;
  const about = name === undefined ? unknownKey(one, refused) : { message };
  const meant = name ?? word;
  if (parts !== null) return { ...about, hint: `write a space after the colon: \`${meant}: ${parts.value}\`` };
  return { ...about, hint: `a bare name has no value: \`${meant}: ${sample(shape.known[meant] ?? shape.others)}\`` };
}

/** A name alone mostly means a flag. */
const sample = (schema: Schema | null): string =>
  schema === null || z.safeParse(schema, true).success ? 'true' : 'VALUE';
