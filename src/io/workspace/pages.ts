import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { readSuite } from '../../core/config/read-suite.ts';
import { type AnsweredRun, renderAnswers } from '../../core/page/answers-page.ts';
import { renderComparison } from '../../core/page/report.ts';
import type { PhaseOnPage } from '../../core/page/report-groups.ts';
import { readAnswers } from '../../core/score/answers.ts';
import { criteria } from '../../events/phase.ts';
import type { Row } from '../../events/row.ts';
import { phaseRecord } from '../../events/run.ts';
import { stageFolder, stages } from '../../events/stages.ts';
import type { Suite } from '../../events/suite.ts';
import { hasCode, readText, writeWhole } from '../disk/files.ts';
import { contentHash } from '../disk/hash.ts';
import { readResults, writeComparison } from './results-store.ts';
import { readManifest, readRun } from './run-folder.ts';

/** What was written, and what could not be shown. */
export interface Pages {
  /** artifacts/COMPARISON.md */
  readonly path: string;
  /** The comparison as rendered, without what a person wrote around it. */
  readonly rendered: string;
  readonly warnings: readonly string[];
}

/** The parts of phase.json that the page shows; the record itself was checked when it was written. */
const shown = z.object({
  title: z.string().nullish(),
  hypothesis: z.string().nullish(),
  criteria: criteria.nullish(),
});

interface Found {
  readonly phases: readonly PhaseOnPage[];
  readonly warnings: readonly string[];
}

async function subfolders(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  });
  return entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.')).map(({ name }) => name);
}

/** Phases in order of acceptance. A record that cannot be read costs the page that phase's title, not the page. */
async function readPhases(artifacts: string): Promise<Found> {
  const phases: PhaseOnPage[] = [];
  const warnings: string[] = [];
  for (const name of await subfolders(artifacts)) {
    const path = join(artifacts, name, 'phase.json');
    const text = await readText(path);
    if (text === null) continue;
    try {
      const { phase, accepted, runs, config } = phaseRecord.parse(JSON.parse(text));
      const { title, hypothesis, criteria: written } = shown.parse(config);
      phases.push({
        phase,
        accepted,
        runs,
        title: title ?? null,
        hypothesis: hypothesis ?? null,
        criteria: written ?? null,
      });
    } catch (error) {
      const why = error instanceof z.ZodError ? z.prettifyError(error) : String(error);
      warnings.push(`${path} cannot be read, so title, gate and outcomes of its phase are not shown: ${why}`);
    }
  }
  // ISO times of one kind sort as text; the name settles what was accepted in one millisecond
  const key = ({ accepted, phase }: PhaseOnPage) => `${accepted} ${phase}`;
  return { phases: phases.sort((a, b) => (key(a) < key(b) ? -1 : 1)), warnings };
}

/** The suite as it was when the run was scored; null when the file is gone or was changed since. */
async function readSuiteAsScored(path: string, sha256: string): Promise<Suite | null> {
  const text = await readText(path);
  if (text === null || (await contentHash(path)) !== sha256) return null;
  const read = readSuite(text, path);
  return 'suite' in read ? read.suite : null;
}

async function readAnswered(folder: string): Promise<AnsweredRun | null> {
  const [run, manifest] = [await readRun(folder), await readManifest(folder, 'eval')];
  const made = stages.eval.makes.safeParse(manifest?.made);
  if (run === null || !made.success) return null;
  const text = (await readText(join(folder, stageFolder('eval'), made.data.answers))) ?? '';
  return {
    run: run.run,
    answers: readAnswers(text).answers,
    prompts: made.data.score.prompts,
    suite: await readSuiteAsScored(run.settings.eval.suite, made.data.suite_sha256),
  };
}

async function writeAnswersPage(artifacts: string, phase: PhaseOnPage, rows: readonly Row[]): Promise<void> {
  const runs: AnsweredRun[] = [];
  for (const row of rows) {
    const answered = await readAnswered(join(artifacts, phase.phase, row.run));
    if (answered !== null) runs.push(answered);
  }
  if (runs.length > 0) await writeWhole(answersFile(artifacts, phase), renderAnswers({ ...phase, runs }));
}

const answersFile = (artifacts: string, { phase }: PhaseOnPage): string => join(artifacts, phase, 'answers.md');

async function withAnswers(artifacts: string, phases: readonly PhaseOnPage[]): Promise<Set<string>> {
  const found = await Promise.all(
    phases.map((phase) =>
      stat(answersFile(artifacts, phase)).then(
        (file) => (file.isFile() ? [phase.phase] : []),
        () => [],
      ),
    ),
  );
  return new Set(found.flat());
}

/**
 * Renders artifacts/COMPARISON.md and the answers.md of the phases from what is on disk. `only`: the phases whose
 * answers may have changed; absent: all.
 */
export async function writePages(
  { artifacts }: { readonly artifacts: string },
  only?: ReadonlySet<string>,
): Promise<Pages> {
  const { rows, damaged } = await readResults(artifacts);
  const { phases, warnings } = await readPhases(artifacts);
  for (const phase of phases.filter(({ phase }) => only === undefined || only.has(phase))) {
    const done = rows.filter((row) => row.phase === phase.phase && row.status === 'done');
    await writeAnswersPage(artifacts, phase, done);
  }
  const torn = damaged.map(({ line, why }) => `line ${line} of results.jsonl is left out: ${why}`);
  const answers = await withAnswers(artifacts, phases);
  const rendered = renderComparison({ rows, phases, answers, damaged: torn });
  return { path: await writeComparison(artifacts, rendered), rendered, warnings: [...torn, ...warnings] };
}
