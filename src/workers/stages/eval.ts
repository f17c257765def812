import { basename, join } from 'node:path';
import { formatProblems } from '../../core/config/problem.ts';
import { StageError } from '../../core/errors.ts';
import { idleAdapter } from '../../core/run/cost-words.ts';
import { adapterFiles, adapterOf } from '../../core/run/lineage.ts';
import { countAskedAgain, readAnswers } from '../../core/score/answers.ts';
import { type Probe, sameProbe } from '../../core/score/probe.ts';
import { scoreByCommand } from '../../core/score/scorer.ts';
import type { Settings } from '../../events/stages.ts';
import type { Answer, Suite } from '../../events/suite.ts';
import type { EvalSetup } from './ask-suite.ts';
import { askProbe, measureBase, probeBase } from './base-score.ts';
import { identitiesUnderWay, inPart, type Pinned, pinFacts, pinSetup } from './eval-parts.ts';
import { hasCost, measureCost } from './model-cost.ts';
import { answersFile, readEngine, scoreModel, scoresFile } from './score-model.ts';
import { type Makings, partsOf, type Served, servedModel, tidyServed } from './served-model.ts';
import type { ModelServer, Stage, StageContext } from './stage.ts';

/** The suite of a file. Throws MISSING_INPUT, BAD_SETTINGS. */
export async function suiteAt(path: string, context: StageContext): Promise<Suite> {
  const text = await context.read(path);
  if (text === null) throw new StageError('MISSING_INPUT', `suite ${path}`);
  const read = await context.suite(text, basename(path));
  if ('suite' in read) return read.suite;
  throw new StageError('BAD_SETTINGS', formatProblems(path, read.problems));
}

async function pinAnswers(context: StageContext, pinned: Pinned, { hashes }: Served): Promise<void> {
  const facts = identitiesUnderWay(pinned).map((identity) => ({ eval_identity: identity, ...hashes }));
  await pinFacts(context, facts, async () => {
    await context.write(answersFile, '');
    context.log('model or suite changed since the last attempt: everything is asked again');
  });
}

const noLogprobs = 'the model server sends no logprobs, so it cannot be verified that the adapter has an effect';

/** mlx_lm's server was known to ignore --adapter-path silently. Its score would be the base's. */
export function refuseIdleAdapter(base: Probe | null, own: Probe | null): void {
  if (base === null || own === null) throw new StageError('TOOL_FAILED', noLogprobs);
  const compared = `${own.length} tokens compared, the most likely of each and their probabilities`;
  if (sameProbe(base, own)) throw new StageError('ADAPTER_IGNORED', compared);
}

/** Whether the run's adapter adds zero to every layer, which is reported. Null if it has none. */
async function idleOf(made: Makings, context: StageContext): Promise<boolean | null> {
  const adapter = adapterOf(partsOf(made, context));
  if (adapter === null) return null;
  const isIdle = await context.addsNothing(adapterFiles(adapter).weights);
  if (isIdle) context.warn(idleAdapter);
  return isIdle;
}

/** Sends the suite's prompts to the final model, keeps every answer and scores them, with the base's score. */
export const stage: Stage<'eval', 'train' | 'select' | 'fuse' | 'quantize'> = {
  name: 'eval',
  needs: ['train', 'select', 'fuse', 'quantize'],
  async run(made, context) {
    const settings = context.run.settings.eval;
    const setup: EvalSetup = { suite: await suiteAt(settings.suite, context), settings };
    const suite_sha256 = await context.hash(settings.suite);
    context.input('suite', suite_sha256);
    const served = await servedModel(made, context);
    const pinned = await pinSetup(context, setup, served.model);
    const { identity, parts, rendering } = pinned;
    if (parts.prompts !== undefined) context.input('prompts', parts.prompts);
    await pinAnswers(context, pinned, served);
    const cost = hasCost(made, context);
    // One model in memory at a time: the base is unloaded before the run's own is loaded.
    const asksBase = settings.base && context.run.model !== null;
    const measured = asksBase ? await measureBase(inPart(context, 'base', { answers: true, cost }), setup) : null;
    const idle = await idleOf(made, context);
    const proves = served.adapter !== null && idle !== true;
    const base = proves ? (measured?.probe ?? (await probeBase(context, setup))) : null;
    const first = async (server: ModelServer): Promise<void> => refuseIdleAdapter(base, await askProbe(server, setup));
    const asked = { ...setup, tokens: rendering?.tokens };
    const seat = { server: 'server', prefix: '', dir: context.dir, seed: context.run.seed };
    const { model, adapter } = served;
    const own = inPart(context, 'answers', { answers: false, cost });
    const score = await scoreModel(own, asked, { ...seat, model, adapter, first: proves ? first : null });
    await tidyServed(served, context);
    const answers = await answersOf(context, settings);
    return {
      ...{ answers: answersFile, score, suite_sha256, base: measured?.base ?? null },
      ...{ asked_again: answers === null ? null : countAskedAgain(answers) },
      cost: await measureCost(context, made, { setup, answers }),
      ...{ eval_identity: identity, eval_parts: { ...parts } },
      ...{ prompts_date: rendering?.dated ?? null, idle_adapter: idle },
    };
  },
  async verify(made, context) {
    const path = join(context.dir, made.answers);
    const again = await scoreAgain(context, path);
    if (again === made.score.overall) return;
    throw new StageError('OUTPUT_DAMAGED', `${path} does not give the score that was made from it`);
  },
};

/** The answers of the run's model. Null with an engine, which leaves scores instead. */
async function answersOf(context: StageContext, { engine }: Settings<'eval'>): Promise<readonly Answer[] | null> {
  if (engine !== undefined) return null;
  return readAnswers((await context.read(join(context.dir, answersFile))) ?? '').answers;
}

/** `overall` from the files alone: answers, scorer's output or engine's output. Null if they give none. */
async function scoreAgain(context: StageContext, path: string): Promise<number | null> {
  const settings = context.run.settings.eval;
  const suite = await suiteAt(settings.suite, context);
  if (settings.engine !== undefined) return (await readEngine(context, { suite, settings }, path)).overall;
  const { answers, problems } = readAnswers((await context.read(path)) ?? '');
  if (problems.length > 0) return null;
  const { repeats } = settings;
  const text = suite.scorer === undefined ? null : ((await context.read(join(context.dir, scoresFile))) ?? '');
  const again =
    text === null ? await context.score(suite, answers, repeats) : scoreByCommand(suite, answers, { text, repeats });
  return again.ok ? again.score.overall : null;
}
