import { createHash } from 'node:crypto';
import { StageError } from '../../core/errors.ts';
import { evalIdentity } from '../../core/score/eval-identity.ts';
import { type EvalParts, identitiesOf } from '../../core/score/identity-parts.ts';
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

/** All that can change a score beside the weights, by content. */
export interface Pinned {
  readonly parts: EvalParts;
  readonly identity: string;
  /** What earlier versions called the same eval. */
  readonly olderIdentities: readonly string[];
  /** Null: the prompts could not be rendered, or an engine asks its own. */
  readonly rendering: Rendering | null;
}

/**
 * Pins what a model (absolute folder) is asked and how it is scored. Throws BAD_SETTINGS when its chat template refuses a
 * prompt: no server needs to be started for that.
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
 * Identities under which an attempt that began before asked these very prompts: this one, and those of earlier versions,
 * but for a template with a clock, since they had the date of the day.
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
  // An engine may ask other prompts than the suite's.
  if (refused.length === 0 || settings.engine !== undefined) return rendered.rendering;
  throw new StageError('BAD_SETTINGS', `${templateRefusalText(refused)}. ${templateRefusalHint(refused)}`);
}
