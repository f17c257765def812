import { files } from '../../events/stages/mlx.ts';
import type { Made } from '../../events/stages.ts';
import { type Facts, pinFacts } from './eval-parts.ts';
import type { StageContext } from './stage.ts';

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

/** True if figures of an earlier attempt were removed, since they belong to other facts (the first of `facts`). */
export const pinMeasures = (context: StageContext, facts: readonly Facts[]): Promise<boolean> =>
  pinFacts(context, facts, async () => {
    await context.remove(files.candidates);
    context.log('checkpoints, suite or data changed since the last attempt: everything is measured again');
  });
