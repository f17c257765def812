import { join } from 'node:path';
import { StageError } from '../../core/errors.ts';
import { percent } from '../../core/format.ts';
import { parsedOrNull } from '../../core/json.ts';
import { idleAdapter } from '../../core/run/cost-words.ts';
import { readAnswers } from '../../core/score/answers.ts';
import { type Probe, probe } from '../../core/score/probe.ts';
import { optimism, promptSubset, sharedPrompts } from '../../core/select/choose.ts';
import type { Score } from '../../events/score.ts';
import { files, layAdapter } from '../../events/stages/mlx.ts';
import { candidateFolder } from '../../events/stages/select.ts';
import type { Answer } from '../../events/suite.ts';
import type { EvalSetup } from './ask-suite.ts';
import { askProbe, probeBase } from './base-score.ts';
import { refuseIdleAdapter, suiteAt } from './eval.ts';
import { identitiesUnderWay, pinSetup } from './eval-parts.ts';
import { answersFile, scoreKept, scoreModel } from './score-model.ts';
import { type Choices, type Measurement, pinMeasures, type Saved } from './select-by-loss.ts';
import { type ModelServer, reporting, runCommands, type StageContext } from './stage.ts';

const probeFile = `${files.candidates}/base.json`;

/** The deciding prompts, sent in the same way as in the run's eval. */
async function setupOf(context: StageContext): Promise<EvalSetup & { readonly suite_sha256: string }> {
  const { select, eval: settings } = context.run.settings;
  if (select.suite === undefined)
    throw new StageError('INTERNAL', `run ${context.run.run} names no suite to select by`);
  const suite_sha256 = await context.hash(select.suite);
  context.input('suite', suite_sha256);
  const whole = await suiteAt(select.suite, context);
  // A scorer's files are next to the deciding suite. An engine only knows its own suite.
  const { engine: _engine, ...own } = settings;
  const asked = { ...own, suite: select.suite };
  return { suite: promptSubset(whole, select.prompts ?? null, suite_sha256), settings: asked, suite_sha256 };
}

/** Scores every checkpoint as base + adapter, each verified to have an effect. */
export async function scoreCandidates(choices: Choices, context: StageContext): Promise<Measurement> {
  const { suite_sha256, ...asked } = await setupOf(context);
  const base = await context.hash(context.baseModel);
  context.input('base', base);
  const pinned = await pinSetup(context, asked, context.baseModel);
  const setup: EvalSetup = { ...asked, tokens: pinned.rendering?.tokens };
  const factsOf = (identity: string) => ({ by: 'suite', eval_identity: identity, base, saved: choices.saved });
  await pinMeasures(context, identitiesUnderWay(pinned).map(factsOf));
  for (const { iteration, file } of choices.saved)
    await runCommands(layAdapter({ folder: choices.adapter, file }, candidateFolder(iteration)), context);
  const idle = await baseProbe(setup, context);
  const scores: Score[] = [];
  for (const [index, saved] of choices.saved.entries())
    scores.push(await scoreCandidate(saved, setup, { base: idle, context: partOf(context, choices, index) }));
  const table = scores.map((score) => promptScores(score, context.run.settings.eval.score_by));
  const b = optimism(table, suite_sha256);
  const shared = sharedPrompts(setup.suite, await suiteAt(context.run.settings.eval.suite, context));
  if (shared > 0) warnOfSameSuite({ shared, prompts: setup.suite.prompts.length, count: table.length, b }, context);
  const candidates = choices.saved.map(({ iteration }, index) => ({
    iteration,
    overall: scores[index]?.overall ?? null,
    strict: scores[index]?.strict ?? null,
    val_loss: null,
  }));
  const { length: prompts } = setup.suite.prompts;
  return { by: 'suite', suite_sha256, prompts, same_suite: shared > 0, candidates, optimism: b };
}

interface Same {
  readonly shared: number;
  readonly prompts: number;
  readonly count: number;
  readonly b: number | null;
}

function warnOfSameSuite({ shared, prompts, count, b }: Same, context: StageContext): void {
  if (count < 2) return;
  const which = shared === prompts ? 'these prompts' : `${prompts} prompts, ${shared} of which are scored here`;
  const by =
    b === null
      ? 'too high (too few prompts to estimate by how much)'
      : `about ${Math.max(0, b).toFixed(1)} points too high`;
  context.warn(`selected from ${count} checkpoints on ${which}: the score is probably ${by}`);
}

/** The base's probabilities, measured once: every adapter must differ from them. */
async function baseProbe(setup: EvalSetup, context: StageContext): Promise<Probe | null> {
  const kept = await context.read(join(context.dir, probeFile));
  const read = parsedOrNull(probe, kept);
  if (read !== null) return read;
  const asked = await probeBase(context, setup);
  await context.write(probeFile, `${JSON.stringify(asked)}\n`);
  return asked;
}

async function scoreCandidate(
  { iteration }: Saved,
  setup: EvalSetup,
  { base, context }: { readonly base: Probe | null; readonly context: StageContext },
): Promise<Score> {
  const adapter = join(context.dir, candidateFolder(iteration));
  const seat = { dir: adapter, prefix: `${iteration}-` };
  const kept = await answered(join(adapter, answersFile), setup, context);
  if (kept !== null) return scoreKept(context, setup, { ...seat, answers: kept });
  const act = async (server: ModelServer): Promise<void> => refuseIdleAdapter(base, await askProbe(server, setup));
  // Saved before the first step of the optimizer: it has no effect to verify, and scores like the base.
  const isIdle = await context.addsNothing(join(adapter, files.weights));
  if (isIdle) context.warn(idleAdapter);
  const first = isIdle ? null : act;
  const server = { server: `server-${iteration}`, model: context.baseModel, adapter, seed: context.run.seed, first };
  const score = await scoreModel(context, setup, { ...seat, ...server });
  context.log(`checkpoint ${iteration}: overall ${percent(score.overall)}, strict ${percent(score.strict)}`);
  return score;
}

/** Every answer of a checkpoint, if an earlier process received them all: then no model is loaded. Otherwise null. */
async function answered(file: string, { suite, settings }: EvalSetup, context: StageContext): Promise<Answer[] | null> {
  const { answers } = readAnswers((await context.read(file)) ?? '');
  const places = new Set(answers.map(({ prompt, repeat }) => `${repeat} ${prompt}`));
  return places.size === suite.prompts.length * settings.repeats ? [...answers] : null;
}

/** The context of one checkpoint: its progress counts over all of them, and warnings name the checkpoint. */
function partOf(context: StageContext, { saved }: Choices, index: number): StageContext {
  const { iteration } = saved[index] ?? { iteration: 0 };
  const part = `checkpoint ${iteration}, ${index + 1} of ${saved.length}`;
  return reporting(context, {
    warn: (text) => context.warn(`select, checkpoint ${iteration}: ${text}`),
    progress({ iteration: done, of, loss, eta_s }) {
      if (done === null || of === null) return context.progress({ iteration: done, of, loss, eta_s, part });
      const left = of - done;
      const all = left + (saved.length - index - 1) * of;
      const eta = eta_s === null || left === 0 ? null : (eta_s / left) * all;
      context.progress({ iteration: index * of + done, of: saved.length * of, loss, eta_s: eta, part });
    },
  });
}

/** Points of each prompt, 0-100, the mean of its repeats. */
function promptScores({ prompts }: Score, by: 'lenient' | 'strict'): number[] {
  const points = new Map<string, number[]>();
  for (const { id, score, strict } of prompts)
    points.set(id, [...(points.get(id) ?? []), 100 * (by === 'strict' ? strict : score)]);
  return [...points.values()].map((own) => own.reduce((sum, value) => sum + value, 0) / own.length);
}
