import type { Phase } from '../../events/phase.ts';
import { evalSettings } from '../../events/stages/eval.ts';
import type { Suite } from '../../events/suite.ts';
import { canonicalJson } from '../json.ts';
import { getAt, isMapping } from '../mapping.ts';
import { evalIdentity } from '../score/eval-identity.ts';
import type { SuiteReader } from './check-settings.ts';
import { checkCriteria } from './criteria.ts';
import type { Lookups } from './lookups.ts';
import type { ResolvedPhase } from './plan-runs.ts';
import type { Finding } from './problem.ts';
import type { UsablePhase } from './read-phase.ts';
import { categoriesOf } from './read-suite.ts';
import { suggestion } from './validate.ts';

interface Scope {
  readonly lookups: Lookups;
  readonly suites: SuiteReader;
}

/** The baseline must be known, and every name in gate and outcomes: a mistake costs a minute here and a night later. */
export async function checkScores(phase: UsablePhase, scope: Scope): Promise<Finding[]> {
  const { criteria } = phase;
  const findings = await checkBaseline(phase, scope);
  if (criteria === undefined || phase.eval?.suite === undefined) return findings;
  // An unreadable suite is reported at eval.suite. Then only names that may be categories are not checked.
  const categories = await categoriesAt(phase.eval.suite, scope);
  const baselineCategories = await baselineNames(phase, categories, scope);
  const faults = checkCriteria(criteria, { categories, baselineCategories });
  return [
    ...findings,
    ...faults.map(({ path, message }) => ({ path: ['criteria', ...path], seen: getAt(criteria, path), message })),
  ];
}

async function baselineNames({ baseline }: UsablePhase, own: readonly string[] | null, scope: Scope) {
  if (baseline === undefined) return null;
  if (typeof baseline !== 'string') return Object.keys(baseline.categories);
  const record = await scope.lookups.phaseRecord(baseline);
  const suite = getAt(record?.config, ['eval', 'suite']);
  // Its suite is gone: the best guess is that it was the same.
  return (typeof suite === 'string' ? await categoriesAt(suite, scope) : null) ?? own ?? [];
}

async function categoriesAt(suite: string, { lookups, suites }: Scope): Promise<readonly string[] | null> {
  const found = await suites.read(lookups.absolute(suite));
  return 'suite' in found ? categoriesOf(found.suite) : null;
}

/** A baseline that is a phase must be known, and a suite that is given as a file must exist. */
async function checkBaseline(phase: UsablePhase, { lookups }: Scope): Promise<Finding[]> {
  const { baseline } = phase;
  if (baseline === undefined) return [];
  if (typeof baseline === 'string') return checkPhaseName(baseline, phase, lookups);
  const { suite } = baseline;
  if (suite === undefined || !looksLikeFile(suite) || (await isFile(suite, lookups))) return [];
  const message = `${lookups.absolute(suite)} does not exist; allowed: the file of the suite, or its name`;
  const hint = 'relative paths are resolved from the workspace';
  return [{ path: ['baseline', 'suite'], seen: suite, message, hint }];
}

async function checkPhaseName(name: string, phase: UsablePhase, lookups: Lookups): Promise<Finding[]> {
  const at = { path: ['baseline'], seen: name };
  if (name.toLowerCase() === phase.phase?.toLowerCase()) {
    return [{ ...at, message: 'a phase cannot be its own baseline' }];
  }
  if ((await lookups.phaseRecord(name)) !== null) return [];
  const message =
    'there is no phase of this name; allowed: an accepted phase, or figures: { name, overall, categories }';
  return [{ ...at, message, hint: suggestion(name, await lookups.phaseNames()) }];
}

const looksLikeFile = (suite: string): boolean => /^[.~]|[/\\]|\.(ya?ml|json)$/i.test(suite);

const isFile = async (path: string, lookups: Lookups): Promise<boolean> =>
  (await lookups.look(lookups.absolute(path)))?.kind === 'file';

/** What is known before the runs about how comparable their scores are with the baseline. */
export interface BaselineDoubts {
  readonly warnings: readonly string[];
  /** By the path of a suite: whether the figures were measured on it. Absent if the baseline names no suite. */
  readonly comparable: ReadonlyMap<string, boolean>;
}

type Runs = Pick<ResolvedPhase, 'settings' | 'variants'>;

/** Compares the suite of the baseline with those of the runs, and for a phase the whole evaluation. */
export async function baselineDoubts(phase: Phase, runs: Runs, scope: Scope): Promise<BaselineDoubts> {
  const { baseline } = phase;
  const none: BaselineDoubts = { warnings: [], comparable: new Map() };
  if (baseline === undefined) return none;
  if (typeof baseline === 'string') return { ...none, warnings: await phaseWarnings(baseline, runs, scope) };
  const { name, suite } = baseline;
  if (suite === undefined) return { ...none, warnings: [unknownSuite(name)] };
  const comparable = new Map<string, boolean>();
  const warnings: string[] = [];
  for (const own of await evaluationsOf(runs, scope)) {
    const same = await isSuite(suite, own.suite, scope.lookups);
    comparable.set(own.settings.suite, same);
    if (!same) warnings.push(otherSuite(name, suite, `${own.who} (${own.suite.suite})`));
  }
  return { warnings, comparable };
}

const unknownSuite = (name: string): string =>
  `It is not known which suite baseline "${name}" was measured on, so its figures may not be comparable with the scores of this phase. Give the suite's name or file as \`baseline.suite\`.`;

const otherSuite = (name: string, suite: string, than: string): string =>
  `Baseline "${name}" was measured on another suite (${suite}) than ${than}, so the two figures are not comparable.`;

interface Evaluated {
  readonly suite: Suite;
  readonly settings: Runs['settings']['eval'];
}

/** The evaluation of the plain runs, and of each variant with another one. An unreadable suite is reported elsewhere. */
async function evaluationsOf({ settings, variants }: Runs, { suites }: Scope) {
  const plain = canonicalJson(settings.eval);
  const all = [
    { who: 'this phase', settings: settings.eval },
    ...variants
      .filter((one) => canonicalJson(one.settings.eval) !== plain)
      .map((one) => ({ who: `variant ${one.name}`, settings: one.settings.eval })),
  ];
  const found = await Promise.all(all.map(async (one) => ({ ...one, read: await suites.read(one.settings.suite) })));
  return found.flatMap(({ read, ...one }) => ('suite' in read ? [{ ...one, suite: read.suite }] : []));
}

/** Whether `given`, a file or a suite's name, is this suite. */
async function isSuite(given: string, own: Suite, lookups: Lookups): Promise<boolean> {
  if (!(await isFile(given, lookups))) return own.suite === given;
  const other = await suiteAt(given, lookups);
  return other !== null && content(other) === content(own);
}

/** Null if it cannot be read, which is no fault of this config. */
async function suiteAt(path: string, lookups: Lookups): Promise<Suite | null> {
  const file = await lookups.read(lookups.absolute(path));
  const read = file.ok ? await lookups.suite(file.bytes, path) : null;
  return read !== null && 'suite' in read ? read.suite : null;
}

/** The content of a suite without its name and the layout of its file. */
const content = ({ suite: _name, ...rest }: Suite): string => canonicalJson(rest);

/** How another phase and the runs are evaluated differently. If its suite is gone, the rows are compared later. */
async function phaseWarnings(name: string, runs: Runs, scope: Scope): Promise<string[]> {
  const record = await scope.lookups.phaseRecord(name);
  const settings = evalSettings.safeParse(getAt(record?.config, ['eval'])).data;
  const suite = settings === undefined ? null : await suiteAt(settings.suite, scope.lookups);
  if (settings === undefined || suite === null) return [];
  return (await evaluationsOf(runs, scope)).flatMap((own) => {
    const differing = evaluationDifferences({ suite, settings }, own);
    if (differing.length === 0) return [];
    return [
      `Baseline ${name} and ${own.who} are evaluated differently (${differing.join(', ')}), so the two figures are not comparable.`,
    ];
  });
}

/** How two evaluations differ before there are rows, by config names. */
function evaluationDifferences(one: Evaluated, other: Evaluated): string[] {
  const [parts, others] = [configParts(one), configParts(other)];
  return [...others.keys()].filter((part) => others.get(part) !== parts.get(part));
}

/** The parts of an eval identity, except for the machine's versions and the rendered prompts. */
function configParts({ suite, settings }: Evaluated): Map<string, string> {
  const identity: unknown = JSON.parse(evalIdentity({ suite, settings, versions: {} }));
  const asked = getAt(identity, ['settings']);
  const parts = {
    suite: getAt(identity, ['suite']),
    'system prompt': getAt(identity, ['system']),
    ...(isMapping(asked) ? asked : {}),
    scorer: suite.scorer,
    engine: settings.engine,
  };
  return new Map(Object.entries(parts).map(([part, value]) => [part, canonicalJson(value ?? null)]));
}
