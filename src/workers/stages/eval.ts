import { createHash } from 'node:crypto';
import { basename, join } from 'node:path';
import { formatProblems } from '../../core/config/problem.ts';
import { readSuite } from '../../core/config/read-suite.ts';
import { StageError } from '../../core/errors.ts';
import { readAnswers } from '../../core/score/answers.ts';
import { canonicalJson, evalIdentity } from '../../core/score/eval-identity.ts';
import { type Probe, sameProbe } from '../../core/score/probe.ts';
import { scoreSuite } from '../../core/score/score.ts';
import type { Score } from '../../events/score.ts';
import type { Suite } from '../../events/suite.ts';
import type { Stage, StageContext } from '../stage.ts';
import { askSuite, type Exam, scoreAnswers } from './ask-suite.ts';
import { askProbe, measureBase, probeBase } from './base-score.ts';
import { type Served, servedModel, tidyServed } from './served-model.ts';
import { withServer } from './with-server.ts';

const answersFile = 'answers.jsonl';
const askedFile = 'asked.json';

async function suiteOf(context: StageContext): Promise<Suite> {
  const path = context.run.settings.eval.suite;
  const text = await context.read(path);
  if (text === null) throw new StageError('MISSING_INPUT', `suite ${path}`);
  const read = readSuite(text, basename(path));
  if ('suite' in read) return read.suite;
  throw new StageError('BAD_SETTINGS', formatProblems(path, read.problems));
}

/** Serves the model, lets the adapter (if there is one) prove that it acts, and asks the suite. */
async function examine(
  context: StageContext,
  exam: Exam,
  { served, base }: { served: Served; base: Probe | null },
): Promise<Score> {
  const { model, adapter } = served;
  const options = { name: 'server', model, ...(adapter === null ? {} : { adapter }) };
  return withServer(context, options, async (server) => {
    // Before anything else is asked, as it was with the base: a prompt cache rounds differently.
    if (adapter !== null) refuseIdleAdapter(base, await askProbe(server, exam));
    const file = join(context.dir, answersFile);
    const answers = await askSuite(context, { exam, server, file, seed: context.run.seed });
    await server.check();
    return scoreAnswers(context, exam, answers);
  });
}

/**
 * What the answers are answers to, in a file of its own: those that an earlier attempt handed on count only if all of
 * it is the same.
 */
async function pinAnswers(context: StageContext, identity: string, { hashes }: Served): Promise<void> {
  const text = `${canonicalJson({ eval_identity: identity, ...hashes })}\n`;
  const before = await context.read(join(context.dir, askedFile));
  if (before === text) return;
  if (before !== null) {
    await context.write(answersFile, '');
    context.log('model or suite changed since the last attempt: everything is asked again');
  }
  await context.write(askedFile, text);
}

/** mlx_lm's server was known to ignore --adapter-path without a word; its score would be the base's. */
function refuseIdleAdapter(base: Probe | null, own: Probe | null): void {
  if (base === null || own === null)
    throw new StageError('TOOL_FAILED', 'the model server sends no logprobs, so nothing proves that the adapter acts');
  if (sameProbe(base, own))
    throw new StageError(
      'ADAPTER_IGNORED',
      `${own.length} tokens compared, the likeliest of each and their probabilities`,
    );
}

/** Asks the suite's prompts of the run's final model, keeps every answer, and scores them; the base's score beside it. */
export const evaluate: Stage<'eval', 'train' | 'select' | 'fuse' | 'quantize'> = {
  name: 'eval',
  needs: ['train', 'select', 'fuse', 'quantize'],
  async run(made, context) {
    const settings = context.run.settings.eval;
    const exam: Exam = { suite: await suiteOf(context), settings };
    const suite_sha256 = await context.hash(settings.suite);
    context.input('suite', suite_sha256);
    const identity = createHash('sha256')
      .update(evalIdentity({ ...exam, versions: context.versions }))
      .digest('hex');
    const served = await servedModel(made, context);
    await pinAnswers(context, identity, served);
    // One model in memory at a time: the base has come and gone before the run's own is loaded.
    const measured = settings.base && context.run.model !== null ? await measureBase(context, exam, identity) : null;
    const base = served.adapter === null ? null : (measured?.probe ?? (await probeBase(context, exam)));
    const score = await examine(context, exam, { served, base });
    await tidyServed(served, context);
    return { answers: answersFile, score, eval_identity: identity, suite_sha256, base: measured?.base ?? null };
  },
  async verify(made, context) {
    const path = join(context.dir, made.answers);
    const { answers, problems } = readAnswers((await context.read(path)) ?? '');
    const { repeats } = context.run.settings.eval;
    const again = scoreSuite(await suiteOf(context), answers, repeats);
    if (problems.length === 0 && again.ok && again.score.overall === made.score.overall) return;
    throw new StageError('OUTPUT_DAMAGED', `${path} does not give the score that was made from it`);
  },
};
