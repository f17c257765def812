import { createHash } from 'node:crypto';
import { dirname, join } from 'node:path';
import { StageError } from '../../core/errors.ts';
import { canonicalJson } from '../../core/json.ts';
import { type EvalPart, evalLeft, type Later } from '../../core/run/eval-progress.ts';
import { isHalved, timeoutRule } from '../../core/score/chat.ts';
import { evalIdentity, wordsOfCommand } from '../../core/score/eval-identity.ts';
import { type EvalParts, identitiesOf } from '../../core/score/measured.ts';
import {
  type Rendering,
  renderRequests,
  templateRefusalHint,
  templateRefusalText,
} from '../../core/score/rendering.ts';
import type { EvalSetup } from './ask-suite.ts';
import { reporting, type StageContext } from './stage.ts';

/** The context of a part of an eval: its progress says which part it is, and when the whole eval ends. */
export function inPart(context: StageContext, doing: EvalPart, later: Later): StageContext {
  let each = 0;
  return reporting(context, {
    warn: (text) => context.warn(doing === 'base' ? `base model: ${text}` : text),
    progress(progress) {
      const { iteration, of, eta_s } = progress;
      const open = (of ?? 0) - (iteration ?? 0);
      if (eta_s !== null && open > 0) each = eta_s / open;
      const left = eta_s === null ? null : evalLeft({ left: eta_s, each, of: of ?? 0 }, later);
      context.progress({ ...progress, doing, eta_s: left });
    },
  });
}

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Everything that can change a score apart from the weights, by content. */
export interface Pinned {
  readonly parts: EvalParts;
  readonly identity: string;
  /** Earlier versions' names of the same eval. */
  readonly olderIdentities: readonly string[];
  /** Null if the prompts could not be rendered, or if an engine has its own. */
  readonly rendering: Rendering | null;
}

/** Pins a model's prompts and scoring. Throws BAD_SETTINGS if its chat template refuses a prompt, before any server. */
export async function pinSetup(context: StageContext, setup: EvalSetup, model: string): Promise<Pinned> {
  const rendering = await renderSuite(context, setup, model);
  const files = await commandFiles(context, setup);
  const parts: EvalParts = {
    exam: sha256(evalIdentity({ ...setup, versions: context.versions, files })),
    ...(rendering !== null && rendering.sha256 !== null && { prompts: rendering.sha256 }),
    ...(isHalved(setup.suite, setup.settings) && { timeouts: sha256(canonicalJson(timeoutRule)) }),
  };
  const [identity = '', ...olderIdentities] = identitiesOf(parts, sha256);
  return { parts, identity, olderIdentities, rendering };
}

/** Identities of attempts with the same prompts. Earlier versions gave templates with a clock the current date. */
export function identitiesUnderWay({ identity, olderIdentities, rendering }: Pinned): readonly string[] {
  const isDated = rendering !== null && rendering.dated !== null;
  return isDated ? [identity] : [identity, ...olderIdentities];
}

export type Facts = Readonly<Record<string, unknown>>;
const askedFile = 'asked.json';

/**
 * Records what the kept answers or figures belong to: the first of `facts`. The others are how earlier versions
 * recorded the same. If an earlier attempt recorded none of them, `restart` removes its answers: the result is true.
 * Without a record nothing is removed.
 */
export async function pinFacts(
  context: StageContext,
  facts: readonly Facts[],
  restart: () => Promise<void>,
): Promise<boolean> {
  const [text = '', ...olderTexts] = facts.map((one) => `${canonicalJson(one)}\n`);
  const before = await context.read(join(context.dir, askedFile));
  if (before === text) return false;
  const isOther = before !== null && !olderTexts.includes(before);
  if (isOther) await restart();
  await context.write(askedFile, text);
  return isOther;
}

/**
 * sha256 of the files that the suite's scorer (paths from the suite's folder) and the engine (from the workspace) name
 * in their commands, by `scorer WORD` and `engine WORD`, recorded in the manifest. Folders are left out.
 */
async function commandFiles(context: StageContext, setup: EvalSetup): Promise<Record<string, string>> {
  const { engine } = setup.settings;
  const places = [
    { kind: 'scorer', command: setup.suite.scorer?.command ?? [], folder: dirname(setup.settings.suite) },
    { kind: 'engine', command: engine?.command ?? [], folder: context.workspace },
  ];
  const files: Record<string, string> = {};
  for (const { kind, command, folder } of places)
    for (const word of wordsOfCommand(command)) {
      const hash = await fileHash(context, context.absolute(word, folder));
      if (hash !== null) files[`${kind} ${word}`] = hash;
    }
  for (const [name, hash] of Object.entries(files)) context.input(name, hash);
  return files;
}

/** Null if it does not exist, or is a folder: most words of a command are not files. */
async function fileHash(context: StageContext, path: string): Promise<string | null> {
  const names = await context.list(path).catch(() => null);
  return names === null ? context.hash(path).catch(() => null) : null;
}

async function renderSuite(context: StageContext, setup: EvalSetup, model: string): Promise<Rendering | null> {
  const { suite, settings } = setup;
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
