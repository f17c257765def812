import { createHash } from 'node:crypto';
import { StageError } from '../../core/errors.ts';
import { evalIdentity } from '../../core/score/eval-identity.ts';
import { type EvalParts, identitiesOf } from '../../core/score/measured.ts';
import {
  type Rendering,
  renderRequests,
  templateRefusalHint,
  templateRefusalText,
} from '../../core/score/rendering.ts';
import type { EvalSetup } from './ask-suite.ts';
import { commandFiles } from './outside-score.ts';
import type { StageContext } from './stage.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Everything that can change a score apart from the weights, by content. */
export interface Pinned {
  readonly parts: EvalParts;
  readonly identity: string;
  /** Earlier versions' names of the same eval. */
  readonly olderIdentities: readonly string[];
  /** Null if the prompts could not be rendered, or if an engine has its own. */
  readonly rendering: Rendering | null;
}

/**
 * Pins the prompts of a model (absolute folder) and how it is scored. Throws BAD_SETTINGS if its chat template refuses
 * a prompt, before any server starts.
 */
export async function pinSetup(context: StageContext, setup: EvalSetup, model: string): Promise<Pinned> {
  const rendering = await renderSuite(context, setup, model);
  const files = await commandFiles(context, setup);
  const parts: EvalParts = {
    exam: sha256(evalIdentity({ ...setup, versions: context.versions, files })),
    ...(rendering !== null && rendering.sha256 !== null && { prompts: rendering.sha256 }),
  };
  const [identity = '', ...olderIdentities] = identitiesOf(parts, sha256);
  return { parts, identity, olderIdentities, rendering };
}

/**
 * Identities under which an earlier attempt asked exactly these prompts: this one, and those of earlier versions. A
 * template with a clock is the exception, since they used the current date.
 */
export function identitiesUnderWay({ identity, olderIdentities, rendering }: Pinned): readonly string[] {
  const isDated = rendering !== null && rendering.dated !== null;
  return isDated ? [identity] : [identity, ...olderIdentities];
}

async function renderSuite(
  context: StageContext,
  { suite, settings }: EvalSetup,
  model: string,
): Promise<Rendering | null> {
  if (settings.engine?.server === false) return null;
  const [rendered] = await context.render([{ model, requests: renderRequests(suite, settings) }]);
  if (rendered?.ok !== true) {
    context.warn(`the rendered prompts are not recorded: ${rendered?.failed ?? 'no answer'}`);
    return null;
  }
  const { refused } = rendered.rendering;
  // An engine may send other prompts than the suite's.
  if (refused.length === 0 || settings.engine !== undefined) return rendered.rendering;
  throw new StageError('BAD_SETTINGS', `${templateRefusalText(refused)}. ${templateRefusalHint(refused)}`);
}
