import { requantise } from '../helpers/requantise.ts';

/** A sample of test/long/requantise.test.ts. */
requantise([1]);
