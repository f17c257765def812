import { randomNight } from '../helpers/random-night.ts';

/* Everything is killed at random. PHASEBOX_SEED plays a night again, PHASEBOX_MINUTES: how long (10). */

const seed = Number(process.env.PHASEBOX_SEED ?? Date.now() % 1_000_000);
randomNight(Number(process.env.PHASEBOX_MINUTES ?? 10) * 60, seed);
