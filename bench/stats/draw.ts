import { seededRandom } from '../../src/core/stats/random.ts';

/** Random values, the same for the same seed. */
export interface Draw {
  /** 0..1, 1 excluded. */
  readonly uniform: () => number;
  readonly gaussian: (mean: number, sd: number) => number;
}

/** A value of each kind for each call; gaussian ones by Box and Muller. */
export function drawer(seed: string): Draw {
  const uniform = seededRandom(seed);
  return {
    uniform,
    gaussian: (mean, sd) => {
      const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
      return mean + sd * radius * Math.cos(2 * Math.PI * uniform());
    },
  };
}

export function times<T>(count: number, make: (at: number) => T): T[] {
  return Array.from({ length: count }, (_, at) => make(at));
}
