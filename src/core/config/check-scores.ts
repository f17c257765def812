import { getAt } from '../mapping.ts';
import { checkBaseline } from './check-baseline.ts';
import type { SuiteReader } from './check-settings.ts';
import { checkCriteria } from './criteria.ts';
import type { Lookups } from './lookups.ts';
import type { Finding } from './problem.ts';
import type { UsablePhase } from './read-phase.ts';
import { categoriesOf } from './read-suite.ts';

export interface ScoresScope {
  readonly lookups: Lookups;
  readonly suites: SuiteReader;
}

/** The baseline must be known, and every name in gate and outcomes: a mistake costs a minute here and a night later. */
export async function checkScores(phase: UsablePhase, scope: ScoresScope): Promise<Finding[]> {
  const { criteria } = phase;
  const findings = await checkBaseline(phase, scope);
  if (criteria === undefined || phase.eval?.suite === undefined) return findings;
  // An unreadable suite is reported at eval.suite. Then only names that may be categories are not checked.
  const categories = await categoriesAt(phase.eval.suite, scope);
  const baselineCategories = await baselineNames(phase, categories, scope);
  const faults = checkCriteria(criteria, { categories, baselineCategories });
  return [
    ...findings,
    ...faults.map(({ path, message }) => ({
      path: ['criteria', ...path],
      seen: getAt(criteria, path),
      message,
    })),
  ];
}

async function baselineNames(
  { baseline }: UsablePhase,
  own: readonly string[] | null,
  scope: ScoresScope,
): Promise<readonly string[] | null> {
  if (baseline === undefined) return null;
  if (typeof baseline !== 'string') return Object.keys(baseline.categories);
  const record = await scope.lookups.phaseRecord(baseline);
  const suite = getAt(record?.config, ['eval', 'suite']);
  // Its suite is gone: the best guess is that it was the same.
  return (typeof suite === 'string' ? await categoriesAt(suite, scope) : null) ?? own ?? [];
}

async function categoriesAt(suite: string, { lookups, suites }: ScoresScope): Promise<readonly string[] | null> {
  const found = await suites.read(lookups.absolute(suite));
  return 'suite' in found ? categoriesOf(found.suite) : null;
}
