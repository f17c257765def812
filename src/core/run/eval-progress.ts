import { costSeconds } from '../../events/stages/eval.ts';

/** The parts of an eval that take long, in their order. */
export type EvalPart = 'base' | 'answers' | 'cost';

/** How far a part is. `cost` is counted in percent, the others in answers. */
interface Counted {
  readonly doing?: EvalPart;
  readonly iteration: number | null;
  readonly of: number | null;
}

/** `base 12/27`, `cost 40 %`, or `120/800` of a training. Null if nothing is known. */
export function countText({ doing, iteration, of }: Counted): string | null {
  if (iteration === null) return null;
  if (doing === 'cost') return `cost ${iteration} %`;
  return [...(doing === undefined ? [] : [doing]), `${iteration}${of === null ? '' : `/${of}`}`].join(' ');
}

/** What follows after the part that is asked now. */
export interface Later {
  /** The same number of answers by the run's own model. */
  readonly answers: boolean;
  readonly cost: boolean;
}

/**
 * Seconds until the end of the eval.
 * @param part - Seconds that are left for the `of` answers of this part, and seconds of one.
 */
export function evalLeft(
  part: { readonly left: number; readonly each: number; readonly of: number },
  later: Later,
): number {
  const answers = part.of * part.each;
  return part.left + (later.answers ? answers : 0) + (later.cost ? costSeconds(answers) : 0);
}

/** Reads `done 40 %`, a line of python/model_cost.py. Null for any other line. */
export function readCostLine(line: string): number | null {
  const percent = /^done (\d+) %$/.exec(line)?.[1];
  return percent === undefined ? null : Number(percent);
}
