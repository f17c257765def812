import { join } from 'node:path';
import * as z from 'zod';
import { asStageError, StageError } from '../../core/errors.ts';
import { parsedOrNull } from '../../core/json.ts';
import { answerFault, readAnswers } from '../../core/score/answers.ts';
import { probeRequest } from '../../core/score/chat.ts';
import { type Probe, probe, probeOf } from '../../core/score/probe.ts';
import { baseScore } from '../../events/score.ts';
import type { EvalSetup } from './ask-suite.ts';
import { type Pinned, pinSetup, sha256 } from './eval-parts.ts';
import { answersFile, scoreModel, withServer } from './score-model.ts';
import type { ModelServer, StageContext } from './stage.ts';

/** score.json next to the base's answers. */
export const baseFile = z.strictObject({
  base: baseScore,
  model: z.string(),
  eval_identity: z.string(),
  /** Of the rendered prompts. Null if not recorded (0.1.0). */
  prompts: z.string().nullable().default(null),
  probe: probe.nullable(),
});
export type BaseFile = z.infer<typeof baseFile>;

const scoreFile = 'score.json';

/** Measured once per model and eval identity, in artifacts/base/<key>/. Null, with a warning, if that fails. */
export async function measureBase(context: StageContext, setup: EvalSetup): Promise<BaseFile | null> {
  try {
    const model = await context.hash(context.baseModel);
    context.input('base', model);
    // Rendered with its own tokenizer: that of the fused model may render another prompt.
    const pinned = await pinSetup(context, setup, context.baseModel);
    const keyOf = (identity: string): string => sha256(model + identity).slice(0, 12);
    const key = keyOf(pinned.identity);
    const folder = await context.shared(key, {
      make: (dir) => make(context, setup, { dir, key, model, pinned }),
      holds: (dir) => isUsable(context, dir, pinned),
      older: pinned.olderIdentities.map(keyOf),
    });
    const found = await readScore(context, folder);
    if (found === null) throw new StageError('MISSING_INPUT', join(folder, scoreFile));
    if (found.prompts === null && (pinned.rendering?.dated ?? null) !== null) context.warn(undatedBase(found.base.key));
    return found;
  } catch (error) {
    if (context.signal.aborted || asStageError(error).code === 'STOPPED') throw error;
    context.warn(`the base model's own score could not be measured: ${asStageError(error).message}`);
    return null;
  }
}

/** False for a base that timed out under another rule for time-outs: its score would be another one now. */
async function isUsable(context: StageContext, dir: string, { parts, identity }: Pinned): Promise<boolean> {
  const found = await readScore(context, dir);
  if (found === null || found.eval_identity === identity || parts.timeouts === undefined) return found !== null;
  const { answers } = readAnswers((await context.read(join(dir, answersFile))) ?? '');
  return !answers.some(({ error }) => error !== null && answerFault(error).kind === 'timeout');
}

/** Without a clock, model and suite determine the prompts. With one, the day would have to be known. */
const undatedBase = (key: string): string =>
  `the base model's score (artifacts/base/${key}) is of an earlier version of phasebox: rendered prompts not recorded, and the ` +
  'chat template prints the date. Remove that folder to have it measured again';

const readScore = async (context: StageContext, folder: string): Promise<BaseFile | null> =>
  readBaseFile(await context.read(join(folder, scoreFile)));

/** Reads the text of score.json. Null if there is none, it is damaged, or of a version that kept less. */
export const readBaseFile = (text: string | null): BaseFile | null => parsedOrNull(baseFile, text);

interface Place {
  readonly dir: string;
  readonly key: string;
  readonly model: string;
  readonly pinned: Pinned;
}

async function make(context: StageContext, setup: EvalSetup, { dir, key, model, pinned }: Place): Promise<void> {
  context.log('scoring the base model (once per model and eval identity)');
  await context.proveInput(context.baseModel);
  let probed: Probe | null = null;
  // Seed 0: the same base for every run, whatever its own seed is.
  const seat = { server: 'base', prefix: 'base-', dir, model: context.baseModel, adapter: null, seed: 0 };
  // First of all, as for an adapter: a server that has answered before rounds differently.
  const first = async (server: ModelServer): Promise<void> => {
    probed = await askProbe(server, setup);
  };
  const asked = { ...setup, tokens: pinned.rendering?.tokens };
  const { overall, strict, categories, strict_categories } = await scoreModel(context, asked, { ...seat, first });
  const file: BaseFile = {
    base: { key, overall, strict, categories, strict_categories },
    model,
    eval_identity: pinned.identity,
    prompts: pinned.parts.prompts ?? null,
    probe: probed,
  };
  await context.write(join(dir, scoreFile), `${JSON.stringify(file, null, 2)}\n`);
}

/** The model's probabilities for the start of one answer. Null if the server sends none. */
export async function askProbe(server: ModelServer, { suite, settings }: EvalSetup): Promise<Probe | null> {
  const [prompt] = suite.prompts;
  if (prompt === undefined) return null;
  return probeOf((await server.ask(probeRequest(prompt, suite, settings))).response);
}

/** The same of the base alone, for a run that does not need its score. */
export async function probeBase(context: StageContext, setup: EvalSetup): Promise<Probe | null> {
  await context.proveInput(context.baseModel);
  return withServer(context, { name: 'probe', model: context.baseModel }, (server) => askProbe(server, setup));
}
