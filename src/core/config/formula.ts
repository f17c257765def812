import { type ASTNode, Environment, EvaluationError, ParseError, TypeError as WrongType } from '@marcbachmann/cel-js';

/** A fault of a formula. `at` is the place in the text as written, from 0. Null means the whole formula. */
export interface Fault {
  readonly message: string;
  readonly at: number | null;
  /** The unknown name, if that is the fault. */
  readonly unknown: string | null;
}

/** The names that a formula may use: plain ones, and those of a group (`baseline.overall`). All are doubles. */
export interface Names {
  readonly plain: readonly string[];
  readonly groups: Readonly<Record<string, readonly string[]>>;
}

interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** Macros have formulas as arguments. Other methods (`substring`) have whole numbers, which must stay whole. */
const macros = new Set(['all', 'exists', 'exists_one', 'filter', 'map']);

/** CEL refuses double - int, and `size()` is an int. This makes the mix legal. Comparisons are legal already. */
function withMixedArithmetic(environment: Environment): Environment {
  const operators: Record<string, (a: number, b: number) => number> = {
    '+': (a, b) => a + b,
    '-': (a, b) => a - b,
    '*': (a, b) => a * b,
    '/': (a, b) => a / b,
  };
  for (const [sign, apply] of Object.entries(operators)) {
    const handler = (a: number | bigint, b: number | bigint) => apply(Number(a), Number(b));
    environment.registerOperator(`int ${sign} double: double`, handler);
    environment.registerOperator(`double ${sign} int: double`, handler);
  }
  return environment.registerOperator('int == double: bool', (a, b) => Number(a) === Number(b));
}

/** Words of CEL and of JavaScript's objects cannot be variables, although they are valid names of categories. */
export function canBeNamed(name: string): boolean {
  if (name in {}) return false;
  try {
    return new Environment().registerVariable(name, 'double').check(`${name} > 1.0`).valid;
  } catch {
    // cel-js throws for reserved names and has no way to check first
    return false;
  }
}

let latest: { readonly key: string; readonly environment: Environment } | null = null;

/** The names of the last check are kept: gate and outcomes of a config, and the configs of a night, share them. */
function typedEnvironment(names: Names): Environment {
  const key = JSON.stringify(names);
  if (latest?.key !== key) latest = { key, environment: declare(names) };
  return latest.environment;
}

function declare({ plain, groups }: Names): Environment {
  const environment = withMixedArithmetic(new Environment());
  for (const name of plain.filter(canBeNamed)) environment.registerVariable(name, 'double');
  for (const [name, members] of Object.entries(groups)) {
    const usable = members.filter((member) => !(member in {}));
    const schema = Object.fromEntries(usable.map((member) => [member, 'double']));
    environment.registerVariable({ name, schema });
  }
  return environment;
}

/** Names are not declared here: a missing one is an error that `||` and `&&` absorb, as in CEL. */
const open = withMixedArithmetic(
  new Environment({ unlistedVariablesAreDyn: true, homogeneousAggregateLiterals: false }),
);

function isNode(value: unknown): value is ASTNode {
  return typeof value === 'object' && value !== null && 'op' in value && 'args' in value;
}

/** Parts of a node in which a whole number means a number (an index, a key or an argument of a method stays an int). */
function numericParts(node: ASTNode): readonly unknown[] {
  if (node.op === '[]' || node.op === '[?]') return [node.args[0]];
  if (node.op === 'rcall') return macros.has(node.args[0]) ? [node.args[1], ...node.args[2]] : [node.args[1]];
  if (node.op === 'call') return node.args[1];
  if (node.op === 'map') return node.args.map(([, value]) => value);
  return Array.isArray(node.args) ? node.args : [node.args];
}

function wholeNumbers(node: ASTNode): Edit[] {
  if (node.op === 'value') {
    if (typeof node.args !== 'bigint') return [];
    const text = String(Number(node.args));
    return [{ start: node.start, end: node.end, text: /[.e]/.test(text) ? text : `${text}.0` }];
  }
  return numericParts(node).filter(isNode).flatMap(wholeNumbers);
}

/** `overall >= 23` becomes `overall >= 23.0`. `origin` is where a position in it was before. Throws a ParseError. */
function withDoubles(formula: string) {
  const edits = wholeNumbers(open.parse(formula).ast).sort((a, b) => a.start - b.start);
  let text = '';
  let from = 0;
  for (const edit of edits) {
    text += formula.slice(from, edit.start) + edit.text;
    from = edit.end;
  }
  const origin = (at: number) =>
    edits.reduce((place, edit) => {
      const grown = edit.text.length - (edit.end - edit.start);
      return place > edit.start ? Math.max(edit.start, place - grown) : place;
    }, at);
  return { text: text + formula.slice(from), origin };
}

function unknownName(error: ParseError | WrongType): string | null {
  const node = error.node;
  if (!isNode(node)) return null;
  if (error.code === 'unknown_variable' && node.op === 'id') return node.args;
  if (error.code !== 'no_such_key' || node.op !== '.') return null;
  const [object, member] = node.args;
  return object.op === 'id' ? `${object.args}.${member}` : null;
}

/** The fault of a formula, or null: its syntax, its names, its types, and whether its result is true or false. */
export function checkFormula(formula: string, names: Names): Fault | null {
  try {
    const { text, origin } = withDoubles(formula);
    const { valid, type, error } = typedEnvironment(names).check(text);
    if (valid && (type === 'bool' || type === 'dyn')) return null;
    if (error === undefined) {
      const message = `must be true or false, a comparison such as overall >= 80; this is a ${type}`;
      return { message, at: null, unknown: null };
    }
    const summary = error.summary.replaceAll('$', '').replace('no such overload', 'these do not go together');
    return { message: summary, at: error.range ? origin(error.range.start) : null, unknown: unknownName(error) };
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    const reserved = /^Reserved identifier: (\w+)/.exec(error.summary)?.[1] ?? null;
    return { message: error.summary, at: error.range?.start ?? null, unknown: reserved };
  }
}

/** Every name that a formula reads, except those that a macro binds. Empty if the formula cannot be read. */
export function namesIn(formula: string): readonly string[] {
  const read = (node: ASTNode, bound: ReadonlySet<string>): string[] => {
    if (node.op === 'id') return bound.has(node.args) ? [] : [node.args];
    if (node.op === '.' && node.args[0].op === 'id') return [`${node.args[0].args}.${node.args[1]}`];
    if (node.op === '[]' && node.args[0].op === 'id' && typeof node.args[1].args === 'string')
      return [`${node.args[0].args}.${node.args[1].args}`];
    const variable = node.op === 'rcall' && macros.has(node.args[0]) ? node.args[2][0] : undefined;
    const inner = variable?.op === 'id' ? new Set([...bound, variable.args]) : bound;
    return [node.args].flat(3).flatMap((part) => (isNode(part) ? read(part, inner) : []));
  };
  try {
    return [...new Set(read(open.parse(formula).ast, new Set()))];
  } catch (error) {
    if (error instanceof ParseError) return [];
    throw error;
  }
}

const comparing: ReadonlySet<string> = new Set(['<', '<=', '>', '>=', '==', '!=']);

/** Each name that a formula compares with a number, such as `overall >= 80`. Empty if the formula cannot be read. */
export function comparisons(formula: string): { readonly name: string; readonly number: number }[] {
  const nameOf = (node: ASTNode): string[] => {
    if (node.op === 'id') return [node.args];
    return node.op === '.' && node.args[0].op === 'id' ? [`${node.args[0].args}.${node.args[1]}`] : [];
  };
  const numberOf = ({ op, args }: ASTNode): number[] =>
    op === 'value' && (typeof args === 'number' || typeof args === 'bigint') ? [Number(args)] : [];
  const read = (node: ASTNode): { name: string; number: number }[] => {
    const parts: readonly unknown[] = [node.args].flat(3);
    const [left, right, ...others] = parts.filter(isNode);
    const inner = parts.filter(isNode).flatMap(read);
    if (!comparing.has(node.op) || left === undefined || right === undefined || others.length > 0) return inner;
    const pairs = [
      [left, right],
      [right, left],
    ] as const;
    const found = pairs.flatMap(([a, b]) =>
      nameOf(a).flatMap((name) => numberOf(b).map((number) => ({ name, number }))),
    );
    return [...found, ...inner];
  };
  try {
    return read(open.parse(formula).ast);
  } catch (error) {
    if (error instanceof ParseError) return [];
    throw error;
  }
}

/** Absent from its group, or undefined, means unknown. */
export type Context = Readonly<Record<string, number | Readonly<Record<string, number>>>>;

/** True or false, or the reason why it is not known. Unknown values that do not matter are absorbed. */
export function evaluateFormula(formula: string, context: Context): boolean | { readonly reason: string } {
  try {
    const value: unknown = open.evaluate(withDoubles(formula).text, context);
    return typeof value === 'boolean' ? value : { reason: 'it is neither true nor false' };
  } catch (error) {
    if (!(error instanceof EvaluationError || error instanceof ParseError || error instanceof WrongType)) throw error;
    return { reason: error.summary };
  }
}
