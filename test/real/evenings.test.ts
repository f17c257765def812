import { sabotages } from '../helpers/evenings.ts';
import { evenings } from '../helpers/evenings-checks.ts';

/** A sample of test/long/evenings.test.ts: one that the rehearsal finds, and one that the inbox refuses. */
evenings(
  'two sabotaged evenings',
  sabotages.filter(({ name }) => ['rate', 'few-rows'].includes(name)),
);
