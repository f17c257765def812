import { sabotages } from '../helpers/evenings.ts';
import { evening } from '../helpers/evenings-checks.ts';

/** A sample of test/long/evenings.test.ts: one that the rehearsal finds, and one that the inbox refuses. */
evening(
  'two sabotages of an evening',
  sabotages.filter(({ name }) => ['rate', 'few-rows'].includes(name)),
);
