// Mocha's own spec reporter, which also leaves its counts, and what failed, where scripts/test.mjs reads them.
import { writeFileSync } from 'node:fs';
import Mocha from 'mocha';

// biome-ignore lint/style/noDefaultExport: mocha takes a reporter file's default export
export default class Counted extends Mocha.reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    runner.once('end', () => {
      const { passes, failures, pending } = runner.stats;
      const told = this.failures.map(
        (test) => `${test.fullTitle()}\n${test.err?.stack ?? test.err}${difference(test.err)}`,
      );
      const counts = { passed: passes, failed: failures, skipped: pending, told };
      writeFileSync(process.env.PHASEBOX_TEST_COUNTS, JSON.stringify(counts));
    });
  }
}

/** Spec has written the difference above, and left both sides as texts. */
const difference = ({ showDiff, actual, expected } = {}) =>
  showDiff && typeof actual === 'string' && typeof expected === 'string'
    ? Mocha.reporters.Base.generateDiff(actual, expected)
    : '';
