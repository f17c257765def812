import { randomNight } from '../helpers/random-night.ts';

/** A sample of test/long/random.test.ts, another one each time. */
randomNight(20, Date.now() % 1_000_000);
