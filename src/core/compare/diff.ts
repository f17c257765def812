import type { Row } from '../../events/row.ts';
import type { Run } from '../../events/run.ts';
import { knownDefaults } from '../../events/stages/train.ts';
import { differences, isSame, type Mapping, withoutUnset } from '../mapping.ts';
import { valueText } from '../printable.ts';
import { partsOf } from '../score/measured.ts';
import { shownAt } from '../secrets.ts';

/** What is known of one of the two runs, which may still be unfinished. */
export interface DiffSide {
  readonly run: string;
  /** Null if only its row is left. */
  readonly plan: Run | null;
  /** Null if the run is not finished. */
  readonly row: Row | null;
  /** From the row, or from the stages that are finished. */
  readonly custody: Row['custody'];
  readonly versions: Readonly<Record<string, string>>;
}

/** `jumper` is known to change scores on its own. `content` is an input, and `made` an output. */
export type DiffKind = 'jumper' | 'setting' | 'content' | 'made';

/** One thing that differs between the two runs. A value is null if there is none, or if it is not set. */
export interface DiffLine {
  readonly name: string;
  readonly kind: DiffKind;
  readonly a: unknown;
  readonly b: unknown;
}

/** `unknown`: what cannot be compared (yet), and for which of the runs it is not known. */
export interface RunDiff {
  readonly a: string;
  readonly b: string;
  readonly differences: readonly DiffLine[];
  readonly unknown: readonly { readonly name: string; readonly of: readonly string[] }[];
  /** Whether both have their rows: what is not known then will never be known. */
  readonly over: boolean;
  readonly conclusion: string;
}

/** By name. A value is undefined if it is not known (yet). */
type Facts = Readonly<Record<string, unknown>>;

const orUnknown = (value: unknown): unknown => value ?? undefined;

function systemOf({ plan }: DiffSide): unknown {
  if (plan === null) return undefined;
  const { system } = plan.settings.eval;
  return system === undefined ? "the suite's own" : system === '' ? 'none' : system;
}

function resumeOf({ plan, custody }: DiffSide): unknown {
  if (plan === null) return orUnknown(custody.resume);
  return custody.resume ?? plan.settings.train?.resume_adapter_file ?? null;
}

/** The date that the chat template printed comes first: it is why the prompts differ if the suite does not. */
function promptsOf({ custody: { prompts, prompts_date } }: DiffSide): unknown {
  return orUnknown(prompts === null || prompts_date === null ? prompts : `${prompts_date}: ${prompts}`);
}

/** mlx_lm draws the order of the rows of each epoch from the same random numbers as that of each validation. */
const orderOfRows = 'train.steps_per_eval (order of the rows)';

function stepsOf({ plan }: DiffSide, other: DiffSide): unknown {
  return plan === null ? undefined : (trainOf(plan, other.plan).steps_per_eval ?? null);
}

/** What ran the tools, and phasebox itself. Others (such as a tool of a later version) come after. */
const versionNames = ['mlx', 'mlx_lm', 'transformers', 'python', 'phasebox'];

/** The known score-jumpers, in the order in which to check them. */
function jumpers(side: DiffSide, other: DiffSide, versions: readonly string[]): Facts {
  const { plan, row, custody } = side;
  return {
    checkpoint: orUnknown(row?.checkpoint ?? custody.iteration),
    seed: orUnknown(plan?.seed ?? row?.seed),
    suite: orUnknown(custody.suite),
    temperature: plan?.settings.eval.temperature,
    stop: plan?.settings.eval.stop,
    'system prompt': systemOf(side),
    'rendered prompts': promptsOf(side),
    ...Object.fromEntries(versions.map((name) => [`version of ${name}`, side.versions[name]])),
    'resume (warm start)': resumeOf(side),
    [orderOfRows]: stepsOf(side, other),
  };
}

/** With mlx_lm's defaults. A run.json of 0.1.0 has few: one that is not known of both runs is not compared. */
function trainOf(plan: Run, other: Run | null): Mapping {
  const [own, others] = [plan.settings.train, other?.settings.train ?? null];
  if (own === null || other === null || others === null) return own ?? {};
  const known = { ...knownDefaults(other), ...others };
  const defaults = Object.entries(knownDefaults(plan)).filter(([key]) => Object.hasOwn(known, key));
  return { ...Object.fromEntries(defaults), ...own };
}

/** Settings that are not jumpers of their own, by their config names. */
function settingsOf({ plan }: DiffSide, other: DiffSide): unknown {
  if (plan === null) return null;
  const { temperature: _temperature, stop: _stop, system: _system, suite: _suite, ...evaluated } = plan.settings.eval;
  const { resume_adapter_file: _resume, steps_per_eval: _steps, ...train } = trainOf(plan, other.plan);
  const { select, fuse, cleanup } = plan.settings;
  return withoutUnset({
    ...{ model: plan.model?.source, revision: plan.model?.revision, data: plan.data?.source, from: plan.from },
    ...{ min_rows: plan.min_rows, train, select, fuse, cleanup, eval: evaluated, chain: plan.chain },
    ...{ criteria: plan.criteria, baseline: plan.baseline, env: plan.env, preflight: plan.preflight },
    cooldown_s: plan.cooldown_s,
  });
}

const contents = ({ custody, row }: DiffSide): Facts => ({
  'data, content': orUnknown(custody.data),
  'base model, content': orUnknown(custody.base),
  'eval identity': row === null ? undefined : orUnknown(partsOf(row).exam),
  machine: custody.host?.name,
});

const outputs = ({ custody }: DiffSide): Facts => ({
  'adapter, content': orUnknown(custody.adapter),
  'final model, content': orUnknown(custody.model),
});

const pairsOf = (kind: DiffKind, a: Facts, b: Facts): DiffLine[] =>
  Object.keys(a).map((name) => ({ name, kind, a: a[name], b: b[name] }));

/** Without the plan of one of the runs, its settings are not known. */
function settingPairs(a: DiffSide, b: DiffSide): DiffLine[] {
  if (a.plan !== null && b.plan !== null)
    return differences(settingsOf(a, b), settingsOf(b, a)).map(({ path, before, after }) => ({
      name: path,
      kind: 'setting',
      a: before ?? null,
      b: after ?? null,
    }));
  return [{ name: 'settings', kind: 'setting', a: a.plan ?? undefined, b: b.plan ?? undefined }];
}

/** What differs between two runs: score-jumpers first, then all other settings, then contents by hash. */
export function diffRuns(a: DiffSide, b: DiffSide): RunDiff {
  const recorded = new Set([...Object.keys(a.versions), ...Object.keys(b.versions)]);
  const versions = [...new Set([...versionNames, ...recorded])];
  const pairs = [
    ...pairsOf('jumper', jumpers(a, b, versions), jumpers(b, a, versions)),
    ...settingPairs(a, b),
    ...pairsOf('content', contents(a), contents(b)),
    ...pairsOf('made', outputs(a), outputs(b)),
  ];
  const found = pairs
    .filter((pair) => pair.a !== undefined && pair.b !== undefined && !isSame(pair.a, pair.b))
    .map((pair) => ({ ...pair, a: shownAt(pair.name, pair.a), b: shownAt(pair.name, pair.b) }));
  const unknown = pairs
    .filter((pair) => pair.a === undefined || pair.b === undefined)
    // neither will ever have it, such as the final model of an adapter on its base
    .filter((pair) => pair.a !== pair.b || a.row === null || b.row === null)
    .map(({ name, ...pair }) => ({
      name,
      of: [...(pair.a === undefined ? [a.run] : []), ...(pair.b === undefined ? [b.run] : [])],
    }));
  const over = a.row !== null && b.row !== null;
  return { a: a.run, b: b.run, differences: found, unknown, over, conclusion: conclude(found, unknown.length) };
}

function conclude(differences: readonly DiffLine[], unknown: number): string {
  const known = unknown === 0 ? '' : ' of what is known';
  if (differences.length === 0)
    return `Nothing${known} differs. If the scores differ, the cause is noise of the machine.`;
  if (differences.every(({ kind }) => kind === 'made'))
    return `Only the outputs${known} differ: the same recipe and seed made other weights, which is noise of the machine.`;
  const first = differences.find(({ kind }) => kind === 'jumper');
  return first === undefined
    ? 'phasebox has a list of settings that are known to change scores even if nothing else differs. None of these differs here. The differences above may still change the score.'
    : `Check this first: ${first.name}. A difference there alone is known to change scores.`;
}

const headings: Readonly<Record<DiffKind, string>> = {
  jumper: 'Known to change scores',
  setting: 'Other settings',
  content: 'Inputs',
  made: 'Outputs',
};

const widest = 60;

/** Hashes as their first 12 digits, and everything else as in a config, on one line. */
function shown(value: unknown): string {
  if (value === null) return 'none';
  const text = valueText(value).replace(/\s+/g, ' ');
  if (/^[0-9a-f]{64}$/.test(text)) return text.slice(0, 12);
  return text.length > widest ? `${text.slice(0, widest - 1)}…` : text;
}

export function diffText({ a, b, differences, unknown, over, conclusion }: RunDiff): string {
  const lines = [{ name: '', a, b }, ...differences.map((line) => ({ ...line, a: shown(line.a), b: shown(line.b) }))];
  const width = (pick: (line: (typeof lines)[number]) => string): number =>
    Math.max(...lines.map((line) => pick(line).length));
  const [name, left] = [width((line) => line.name), width((line) => line.a)];
  const row = (line: (typeof lines)[number]): string =>
    `  ${line.name.padEnd(name)}  ${line.a.padEnd(left)}  ${line.b}`;
  const groups = Object.entries(headings).flatMap(([kind, heading]) => {
    const own = lines.filter((line) => 'kind' in line && line.kind === kind);
    return own.length === 0 ? [] : ['', heading, ...own.map(row)];
  });
  const head = differences.length === 0 ? [`${a} against ${b}`] : [row({ name: '', a, b })];
  const open = unknown.map((one) => `  ${one.name} (of ${one.of.join(', ')})`);
  const unsaid = open.length === 0 ? [] : ['', `No value recorded${over ? '' : ' yet'}, so not compared`, ...open];
  return `${[...head, ...groups, ...unsaid, '', conclusion].join('\n')}\n`;
}
