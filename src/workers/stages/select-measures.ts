import { join } from 'node:path';
import { canonicalJson } from '../../core/json.ts';
import { files } from '../../events/stages/mlx.ts';
import type { Made } from '../../events/stages.ts';
import type { StageContext } from './stage.ts';

const askedFile = 'asked.json';

/** A saved checkpoint in the training's adapter folder. */
export interface Saved {
  readonly iteration: number;
  /** Name of its weights in `Choices.adapter`. */
  readonly file: string;
  readonly sha256: string;
}

/** All candidates. */
export interface Choices {
  /** The training's adapter folder, absolute. */
  readonly adapter: string;
  readonly saved: readonly Saved[];
  /** Share of the valid rows (0-1) on which a val loss of the training's log is measured. Null if not known. */
  readonly valShare: number | null;
}

/** The figures of each, in the order of `Choices.saved`, and how they were measured. */
export type Measurement = Omit<Made<'select'>, 'adapter' | 'iteration'>;

type Facts = Readonly<Record<string, unknown>>;

/**
 * What the kept figures belong to, in a file of its own: those from an earlier attempt only count if all of it is the
 * same, or what an earlier version recorded of the same (`older`). True if it is not, and everything starts from
 * scratch.
 */
export async function pinMeasures(facts: Facts, context: StageContext, older: readonly Facts[] = []): Promise<boolean> {
  const [text = '', ...olderTexts] = [facts, ...older].map((one) => `${canonicalJson(one)}\n`);
  const before = await context.read(join(context.dir, askedFile));
  if (before === text) return false;
  const isOther = before !== null && !olderTexts.includes(before);
  if (isOther) {
    await context.remove(files.candidates);
    context.log('checkpoints, suite or data changed since the last attempt: everything is measured again');
  }
  await context.write(askedFile, text);
  return isOther;
}
