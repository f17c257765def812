import type { Criteria } from '../../events/phase.ts';
import { type Mode, modes } from '../../events/score.ts';
import { didYouMean } from '../closest.ts';
import { type Context, canBeNamed, checkFormula, evaluateFormula, type Fault, type Names, namesIn } from './formula.ts';
import { formulaHint } from './slips.ts';

/** Categories of the suite (null if it cannot be read), and of the baseline (null if the phase has none). */
export interface CriteriaNames {
  readonly categories: readonly string[] | null;
  readonly baselineCategories: readonly string[] | null;
}

/** A number, or null if it is not known. */
export type Figure = number | null;
type Figures = Readonly<Record<string, Figure>>;

/** The values of formulas, in % (metrics: loss, seconds, GB). `overall` and `categories` are those of score_by. */
export interface CriteriaValues {
  readonly overall: Figure;
  readonly strict: Figure;
  readonly categories: Figures;
  readonly modes: Readonly<Partial<Record<Mode, Figure>>>;
  readonly baseline: Figures;
  readonly base: Figures;
  readonly metrics: Readonly<Record<Metric, Figure>>;
  /** Why a name or a whole group is unknown: `baseline` -> `baseline has no rows`. */
  readonly why: Readonly<Record<string, string>>;
}

export const metrics = ['val_loss', 'train_loss', 'train_seconds', 'temp_peak_gb'] as const;
export type Metric = (typeof metrics)[number];

export interface Judgement {
  readonly verdict: 'pass' | 'fail' | null;
  readonly outcome: string | null;
  /** Why a requested one is null. */
  readonly reason: string | null;
}

function allNames({ categories: known, baselineCategories }: CriteriaNames): Names {
  const categories = known ?? [];
  const groups: Record<string, readonly string[]> = { modes, metrics, base: ['overall', 'strict', ...categories] };
  if (baselineCategories !== null) groups.baseline = ['overall', ...baselineCategories];
  return { plain: ['overall', 'strict', ...categories], groups };
}

function place(formula: string, at: number): string {
  const lines = formula.slice(0, at).split('\n');
  const column = (lines.at(-1)?.length ?? 0) + 1;
  return formula.trimEnd().includes('\n') ? `line ${lines.length}, column ${column}` : `column ${column}`;
}

function known(names: Names, unknown: string): { readonly meant: string; readonly list: string } {
  const all = [
    ...names.plain,
    ...Object.entries(names.groups).flatMap(([group, members]) => members.map((name) => `${group}.${name}`)),
  ];
  const groups = Object.entries(names.groups).map(([group, members]) => `${group}.{${members.join(', ')}}`);
  return { meant: didYouMean(unknown, all).trim(), list: `Available names: ${[...names.plain, ...groups].join(', ')}` };
}

interface Explained {
  readonly names: Names;
  /** Whether all names are listed after an unknown one: once is enough. */
  readonly lists: boolean;
}

function explain(formula: string, fault: Fault, { names, lists }: Explained): string {
  const where = fault.at === null ? '' : ` (${place(formula, fault.at)})`;
  if (fault.unknown === null) {
    const hint = fault.at === null ? undefined : formulaHint(formula, fault.at);
    return `\`${formula.trim()}\`: ${fault.message}${where}${hint === undefined ? '' : `; ${hint}`}`;
  }
  const name = fault.unknown;
  if (/^baseline\b/.test(name) && !('baseline' in names.groups))
    return `\`${formula.trim()}\`: ${name}${where} is used, but the phase has no baseline: add one`;
  if (names.plain.includes(name) && !canBeNamed(name))
    return `\`${formula.trim()}\`: the category ${name}${where} is also a word of CEL, so it cannot be used in a formula`;
  const { meant, list } = known(names, name);
  const parts = [`\`${formula.trim()}\`: nothing is called ${name}${where}.`, meant, lists ? list : ''];
  return parts.filter((part) => part !== '').join(' ');
}

/** `names` with one more, so that further problems can be found. Null if it cannot be declared. */
function withName({ plain, groups }: Names, name: string): Names | null {
  const [group = '', member] = name.split('.');
  if (member === undefined)
    return plain.includes(name) || !canBeNamed(name) ? null : { plain: [...plain, name], groups };
  const members = groups[group];
  if (members === undefined || members.includes(member)) return null;
  return { plain, groups: { ...groups, [group]: [...members, member] } };
}

/** `domain`, `base.domain`: if the suite cannot be read, this may be a category. */
function mayBeCategory(name: string): boolean {
  const [first = '', ...rest] = name.split('.');
  return rest.length === 0 || (rest.length === 1 && (first === 'base' || first === 'baseline'));
}

/** The first fault. After an unknown name, also the other unknown ones, except for those that are `spared`. */
function faultsOf(formula: string, names: Names, spared: (name: string) => boolean): Fault[] {
  const fault = checkFormula(formula, names);
  if (fault?.unknown == null) return fault === null ? [] : [fault];
  const wider = withName(names, fault.unknown);
  if (wider === null) return [fault];
  const others = faultsOf(formula, wider, spared);
  return spared(fault.unknown) ? others : [fault, ...others.filter(({ unknown }) => unknown !== null)];
}

/** All faults of gate and outcomes, by their paths: syntax, unknown names, and results that are not true or false. */
export function checkCriteria(criteria: Criteria, names: CriteriaNames) {
  const available = allNames(names);
  const spared = names.categories === null ? mayBeCategory : () => false;
  const formulas: { readonly path: (string | number)[]; readonly formula: string | undefined }[] = [
    { path: ['gate'], formula: criteria.gate },
    ...criteria.outcomes.map(({ when }, index) => ({ path: ['outcomes', index, 'when'], formula: when })),
  ];
  const faults = formulas.flatMap(({ path, formula = 'true' }) =>
    faultsOf(formula, available, spared).map((fault) => ({ path, formula, fault })),
  );
  const first = faults.find(({ fault }) => fault.unknown !== null);
  return faults.map((one) => ({
    path: one.path,
    message: explain(one.formula, one.fault, { names: available, lists: one === first }),
  }));
}

/** Sums of floats leave 60.00000000000001, which must not pass `domain > 60`, so figures are rounded to 9 decimals. */
const settled = (figure: number): number => Math.round(figure * 1e9) / 1e9;

function knownOnes(figures: Readonly<Record<string, Figure | undefined>>): Record<string, number> {
  const entries = Object.entries(figures).flatMap(([name, value]): [string, number][] =>
    typeof value === 'number' ? [[name, settled(value)]] : [],
  );
  return Object.fromEntries(entries);
}

function contextOf(values: CriteriaValues): Context {
  return {
    ...knownOnes({ ...values.categories, overall: values.overall, strict: values.strict }),
    modes: knownOnes(values.modes),
    baseline: knownOnes(values.baseline),
    base: knownOnes(values.base),
    metrics: knownOnes(values.metrics),
  };
}

function hasName(context: Context, name: string): boolean {
  const [group = '', member] = name.split('.');
  const value = Object.hasOwn(context, group) ? context[group] : undefined;
  return member === undefined || typeof value !== 'object' ? value !== undefined : Object.hasOwn(value, member);
}

function whyUnknown(formula: string, reason: string, { values, context }: Judged): string {
  // types (`double`) are read as names too
  const unknown = namesIn(formula).filter(
    (name) => !hasName(context, name) && (name.includes('.') || canBeNamed(name)),
  );
  if (unknown.length === 0) return `\`${formula.trim()}\`: ${reason}`;
  const names = unknown.map((name) => {
    const why = values.why[name] ?? values.why[name.split('.')[0] ?? ''];
    return why === undefined ? name : `${name} (${why})`;
  });
  return `\`${formula.trim()}\` cannot be evaluated: ${names.join(', ')} not known`;
}

interface Judged {
  readonly values: CriteriaValues;
  readonly context: Context;
}

/** The gate, and the first outcome that holds. If an unknown value decides, the result is null with a reason. */
export function judge(criteria: Criteria, values: CriteriaValues): Judgement {
  const judged = { values, context: contextOf(values) };
  const reasons: string[] = [];
  const holds = (formula: string): boolean | null => {
    const result = evaluateFormula(formula, judged.context);
    if (typeof result === 'boolean') return result;
    reasons.push(whyUnknown(formula, result.reason, judged));
    return null;
  };
  const gate = criteria.gate === undefined ? null : holds(criteria.gate);
  const verdict = gate === null ? null : gate ? 'pass' : 'fail';
  let outcome: string | null = null;
  for (const { when, then } of criteria.outcomes) {
    const answer = when === undefined ? true : holds(when);
    if (answer === true) outcome = then;
    // an unknown outcome hides the later ones: then "the first that holds" is unknown
    if (answer !== false) break;
  }
  return { verdict, outcome, reason: reasons.length === 0 ? null : [...new Set(reasons)].join('; ') };
}
