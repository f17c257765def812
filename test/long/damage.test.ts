import { pairs } from '../hands/damage.ts';
import { describeDamages } from '../hands/damaged-night.ts';
import { seeded } from '../helpers/crash.ts';

/*
 * Small files x damages, each tried on a night of its own. PHASEBOX_DAMAGES: how many, or `all`; PHASEBOX_SEED draws them.
 * PHASEBOX_ONLY: a part of the name of those that are tried.
 */

const { PHASEBOX_ONLY: only, PHASEBOX_DAMAGES: count = '300' } = process.env;
const seed = Number(process.env.PHASEBOX_SEED ?? Date.now() % 1_000_000);
const random = seeded(seed);
const drawn = pairs
  .map((pair) => ({ pair, place: random() }))
  .sort((a, b) => a.place - b.place)
  .slice(0, count === 'all' ? pairs.length : Number(count))
  .map(({ pair }) => pair);
const wanted = only === undefined ? drawn : pairs.filter(({ file, damage }) => `${file}, ${damage}`.includes(only));

describeDamages(`${wanted.length} of ${pairs.length} damages of small files, seed ${seed}`, wanted);
