import { join } from 'node:path';
import type { AnsweredRun } from '../../core/page/answers-page.ts';
import { shownAnswer } from '../../core/page/shown-answer.ts';
import { readAnswers } from '../../core/score/answers.ts';
import { type Made, stageFolder, stages } from '../../events/stages.ts';
import type { Suite } from '../../events/suite.ts';
import { ifAbsent, readText } from '../disk/files.ts';
import { pathInside } from '../disk/inside.ts';
import { ifDamaged } from '../disk/own-file.ts';
import { contentHash } from '../thread/content-hash.ts';
import { suiteOf } from '../thread/off-thread.ts';
import { readManifest, readRun } from './run-folder.ts';

/** What is known of a run's answers without reading them. Null if not scored, or if its manifest cannot be read. */
export async function readKnownScores(folder: string) {
  const found = await readScored(folder);
  if (found === null) return null;
  const suite = await suiteAsScored(found.suite, found.made.suite_sha256);
  /** By prompt. Empty if the suite is gone or has changed. */
  const categories = new Map(suite?.prompts.map(({ id, category }) => [id, category]));
  return { prompts: found.made.score.prompts, categories };
}

async function readScored(folder: string) {
  // `status` and `verify` name what is damaged. The page shows the others.
  const [run, manifest] = [
    await readRun(folder).catch(ifDamaged(null)),
    await readManifest(folder, 'eval').catch(ifDamaged(null)),
  ];
  const made = stages.eval.makes.safeParse(manifest?.made);
  if (run === null || !made.success) return null;
  return { run: run.run, suite: run.settings.eval.suite, made: made.data as Made<'eval'> };
}

/** The suite as it was when the run was scored. Null if the file is gone or has changed. */
async function suiteAsScored(path: string, sha256: string): Promise<Suite | null> {
  const text = await readText(path);
  if (text === null || (await contentHash(path)) !== sha256) return null;
  const read = await suiteOf(Buffer.from(text), path);
  return 'suite' in read ? read.suite : null;
}

/** A run's answers as pages show them, with their points. Null if it was not scored. */
export async function readAnswered(folder: string): Promise<AnsweredRun | null> {
  const found = await readScored(folder);
  if (found === null) return null;
  const file = await pathInside(join(folder, stageFolder('eval')), found.made.answers)
    .catch(ifAbsent(null))
    .catch(ifDamaged(null));
  const text = file === null ? '' : ((await readText(file)) ?? '');
  return {
    run: found.run,
    answers: readAnswers(text).answers.map(shownAnswer),
    prompts: found.made.score.prompts,
    suite: await suiteAsScored(found.suite, found.made.suite_sha256),
  };
}
