import { get, isMapping, type Mapping } from '../mapping.ts';
import type { Lookups } from './lookups.ts';

/** A merged config, and what of it comes from the run that it starts from. */
export interface SourceSuite {
  readonly raw: Mapping;
  readonly said: readonly string[];
  /** False if the suite would come from a run that does not exist. That is reported, and the suite is not missing. */
  readonly found: boolean;
}

/** A phase with `from.run` and an `eval` section without a suite is scored with the suite of that run. */
export async function withSourceSuite(raw: Mapping, lookups: Pick<Lookups, 'runPlan'>): Promise<SourceSuite> {
  const [run, asked] = [get(raw.from, 'run'), raw.eval];
  const own = { raw, said: [], found: true };
  if (typeof run !== 'string' || !isMapping(asked) || asked.suite !== undefined) return own;
  const source = await lookups.runPlan(run);
  if (source === null) return { ...own, found: false };
  const { suite } = source.settings.eval;
  const said = [`eval.suite is omitted, so the suite of ${source.run} is used: ${suite}`];
  return { raw: { ...raw, eval: { ...asked, suite } }, said, found: true };
}
