import { join } from 'node:path';
import * as z from 'zod';
import type { PhaseOnPage } from '../../core/compare/groups.ts';
import { DamagedFile } from '../../core/errors.ts';
import { criteria } from '../../events/phase.ts';
import type { Row } from '../../events/row.ts';
import type { PromptScores } from '../../events/score.ts';
import { readKnownScores } from '../artifacts/answered-runs.ts';
import { readPhaseRecord } from '../artifacts/phase-store.ts';
import { subfolders } from '../artifacts/run-folder.ts';
import { inParallel } from '../disk/in-parallel.ts';

/** The parts of phase.json on the page. The record itself was validated when it was written. */
const shown = z.object({
  title: z.string().nullable().default(null),
  hypothesis: z.string().nullable().default(null),
  criteria: criteria.nullable().default(null),
});

/** Phases in order of acceptance. A record that cannot be read costs the page that phase's title, not the page. */
export async function readPhases(artifacts: string) {
  const phases: PhaseOnPage[] = [];
  const warnings: string[] = [];
  await inParallel(await subfolders(artifacts), async (name) => {
    const path = join(artifacts, name, 'phase.json');
    try {
      const record = await readPhaseRecord(join(artifacts, name));
      if (record === null) return;
      const { phase, accepted, runs, config } = record;
      if (phase !== name) throw new DamagedFile(path, `it is the record of phase ${phase}`);
      phases.push({ phase, accepted, runs, ...shown.parse(config) });
    } catch (error) {
      const reason = error instanceof DamagedFile ? error.reason : String(error);
      const why = error instanceof z.ZodError ? z.prettifyError(error) : reason;
      warnings.push(`${path} cannot be read, so title, gate and outcomes of its phase are not shown: ${why}`);
    }
  });
  // ISO times of one kind sort as text. The name orders phases that were accepted in the same millisecond.
  const key = ({ accepted, phase }: PhaseOnPage) => `${accepted} ${phase}`;
  return { phases: phases.sort((a, b) => (key(a) < key(b) ? -1 : 1)), warnings };
}

/** The scores of done runs by prompt. A prompt id to which two suites give different categories has none. */
export interface ScoresOnPage {
  readonly prompts: ReadonlyMap<string, PromptScores>;
  readonly categoryOf: (prompt: string) => string | null;
}

/** Reads the scores of the rows' runs. Runs without a manifest are left out. */
export async function readScores(artifacts: string, rows: readonly Row[]): Promise<ScoresOnPage> {
  const prompts = new Map<string, PromptScores>();
  const categories = new Map<string, string | null>();
  const done = rows.filter(({ status }) => status === 'done');
  const scores = await inParallel(done, ({ phase, run }) => readKnownScores(join(artifacts, phase, run)));
  for (const [index, { run }] of done.entries()) {
    const known = scores[index];
    if (known == null) continue;
    prompts.set(run, known.prompts);
    for (const [id, category] of known.categories)
      categories.set(id, (categories.get(id) ?? category) === category ? category : null);
  }
  return { prompts, categoryOf: (prompt) => categories.get(prompt) ?? null };
}
