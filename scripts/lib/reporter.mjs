// Mocha's own spec reporter, which also writes its counts and failures for scripts/test.mjs.
import { writeFileSync } from 'node:fs';
import Mocha from 'mocha';

// biome-ignore lint/style/noDefaultExport: mocha takes a reporter file's default export
export default class Counted extends Mocha.reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    runner.once('end', () => {
      const { passes, failures, pending } = runner.stats;
      const stacks = this.failures.map(
        (test) => `${test.fullTitle()}\n${test.err?.stack ?? test.err}${difference(test.err)}`,
      );
      const counts = { passed: passes, failed: failures, skipped: pending, stacks };
      writeFileSync(process.env.PHASEBOX_TEST_COUNTS, JSON.stringify(counts));
    });
  }
}

/** Spec has already written the difference, and left both sides as texts. */
const difference = ({ showDiff, actual, expected } = {}) =>
  showDiff && typeof actual === 'string' && typeof expected === 'string'
    ? Mocha.reporters.Base.generateDiff(actual, expected)
    : '';
