import type { Phase } from '../../events/phase.ts';
import { evalSettings } from '../../events/stages/eval.ts';
import type { Suite } from '../../events/suite.ts';
import { canonicalJson } from '../json.ts';
import { getAt, isMapping } from '../mapping.ts';
import { evalIdentity } from '../score/eval-identity.ts';
import type { SuiteReader } from './check-settings.ts';
import type { Lookups } from './lookups.ts';
import type { ResolvedPhase } from './plan-runs.ts';
import type { Finding } from './problem.ts';
import type { UsablePhase } from './read-phase.ts';
import { suggestion } from './validate.ts';

interface BaselineScope {
  readonly lookups: Lookups;
  readonly suites: SuiteReader;
}

/** A baseline that is a phase must be known, and a suite that is given as a file must exist. */
export async function checkBaseline(phase: UsablePhase, { lookups }: BaselineScope): Promise<Finding[]> {
  const { baseline } = phase;
  if (baseline === undefined) return [];
  if (typeof baseline === 'string') return checkPhaseName(baseline, phase, lookups);
  const { suite } = baseline;
  if (suite === undefined || !looksLikeFile(suite) || (await isFile(suite, lookups))) return [];
  const message = `${lookups.absolute(suite)} does not exist; allowed: the file of the suite, or its name`;
  return [
    { path: ['baseline', 'suite'], seen: suite, message, hint: 'relative paths are resolved from the workspace' },
  ];
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
export async function baselineDoubts(phase: Phase, runs: Runs, scope: BaselineScope): Promise<BaselineDoubts> {
  const { baseline } = phase;
  const none: BaselineDoubts = { warnings: [], comparable: new Map() };
  if (baseline === undefined) return none;
  if (typeof baseline === 'string') return { ...none, warnings: await phaseWarnings(baseline, runs, scope) };
  const { name, suite } = baseline;
  if (suite === undefined) return { ...none, warnings: [unknownSuite(name)] };
  const comparable = new Map<string, boolean>();
  const warnings: string[] = [];
  for (const { who, settings } of evaluationsOf(runs)) {
    const own = await scope.suites.read(settings.suite);
    if (!('suite' in own)) continue;
    const same = await isSuite(suite, own.suite, scope.lookups);
    comparable.set(settings.suite, same);
    if (!same) warnings.push(otherSuite(name, suite, `${who} (${own.suite.suite})`));
  }
  return { warnings, comparable };
}

const unknownSuite = (name: string): string =>
  `The suite on which baseline ${name} was measured is unknown, so nothing shows that its figures and the scores of this phase are comparable. Give the suite's name or file as \`baseline.suite\`.`;

const otherSuite = (name: string, suite: string, than: string): string =>
  `Baseline ${name} was measured on another suite (${suite}) than ${than}, so the two figures are not comparable.`;

interface Evaluation {
  /** `this phase`, `variant q4`. */
  readonly who: string;
  readonly settings: Runs['settings']['eval'];
}

/** The evaluation of the plain runs, and of each variant with another one. */
function evaluationsOf({ settings, variants }: Runs): Evaluation[] {
  const plain = canonicalJson(settings.eval);
  return [
    { who: 'this phase', settings: settings.eval },
    ...variants
      .filter((one) => canonicalJson(one.settings.eval) !== plain)
      .map((one) => ({ who: `variant ${one.name}`, settings: one.settings.eval })),
  ];
}

/** Whether `given`, a file or a suite's name, is this suite. */
async function isSuite(given: string, own: Suite, lookups: Lookups): Promise<boolean> {
  if (!(await isFile(given, lookups))) return own.suite === given;
  const file = await lookups.read(lookups.absolute(given));
  const other = file.ok ? await lookups.suite(file.bytes, given) : null;
  return other !== null && 'suite' in other && content(other.suite) === content(own);
}

/** The content of a suite without its name and the layout of its file. */
const content = ({ suite: _name, ...rest }: Suite): string => canonicalJson(rest);

/** How another phase and the runs are evaluated differently. If its suite is gone, the rows are compared later. */
async function phaseWarnings(name: string, runs: Runs, { lookups, suites }: BaselineScope): Promise<string[]> {
  const record = await lookups.phaseRecord(name);
  const settings = evalSettings.safeParse(getAt(record?.config, ['eval'])).data;
  const suite = settings === undefined ? null : await lookups.read(lookups.absolute(settings.suite));
  const read = suite?.ok ? await lookups.suite(suite.bytes, name) : null;
  if (settings === undefined || read === null || !('suite' in read)) return [];
  const warnings: string[] = [];
  for (const { who, settings: own } of evaluationsOf(runs)) {
    const found = await suites.read(own.suite);
    if (!('suite' in found)) continue;
    const differing = evaluationDifferences({ suite: read.suite, settings }, { suite: found.suite, settings: own });
    if (differing.length > 0)
      warnings.push(
        `Baseline ${name} and ${who} are evaluated differently (${differing.join(', ')}), so the two figures are not comparable.`,
      );
  }
  return warnings;
}

interface Evaluated {
  readonly suite: Suite;
  readonly settings: Runs['settings']['eval'];
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
