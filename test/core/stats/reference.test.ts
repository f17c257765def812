import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { equivalence, holm, oneMoreDraw, welch } from '../../../src/core/stats/difference.ts';
import { meanInterval, newPromptsInterval, promptInterval, shareInterval } from '../../../src/core/stats/interval.ts';
import { detectableDifference, runsNeeded, sdInterval } from '../../../src/core/stats/power.ts';
import { signFlip } from '../../../src/core/stats/sign-flip.ts';

/* Against SciPy and statsmodels: reference.py wrote reference.jsonl and says with which versions. */

interface Ends {
  readonly low: number;
  readonly high: number;
}

interface Table {
  /** Scores in thirtieths, runs x prompts. */
  readonly a: readonly (readonly number[])[];
  readonly b: readonly (readonly number[])[];
  readonly means_a: readonly number[];
  readonly means_b: readonly number[];
  readonly mean_interval: readonly [number, number];
  readonly welch: Ends & { readonly t: number; readonly p: number; readonly df: number };
  readonly equivalence: { readonly margin: number; readonly p: number };
  readonly one_more: { readonly value: number; readonly t: number; readonly p: number };
  readonly prompt_interval: readonly [number, number];
  readonly new_prompts: Ends;
  readonly sign_flip: number;
  readonly share: Ends & { readonly k: number; readonly n: number };
  readonly holm: { readonly ps: readonly number[]; readonly adjusted: readonly number[] };
  readonly power: { readonly a: number; readonly b: number; readonly detectable: number };
  readonly sd_interval: Ends & { readonly sd: number; readonly df: number };
}

const [, ...lines] = readFileSync(join(import.meta.dirname, 'reference.jsonl'), 'utf8')
  .trimEnd()
  .split('\n');
const tables: readonly Table[] = lines.map((line) => JSON.parse(line));

/** 1e-7 of 1, or of the figure itself where that is larger. */
function close(seen: number | undefined, meant: number | undefined, what: string): void {
  expect(seen, what).to.be.a('number');
  expect(seen, what).to.be.closeTo(Number(meant), 1e-7 * Math.max(1, Math.abs(Number(meant))));
}

function ends(seen: Ends | null, meant: Ends, what: string): void {
  close(seen?.low, meant.low, `${what}, low`);
  close(seen?.high, meant.high, `${what}, high`);
}

/** One check for each statistic on each table. */
function each(check: (table: Table, what: string) => void): void {
  for (const [at, table] of tables.entries()) check(table, `table ${at + 1}`);
}

const points = (rows: readonly (readonly number[])[]): number[][] => rows.map((row) => row.map((score) => score / 30));

describe('statistics against SciPy and statsmodels', () => {
  it('has 200 tables', () => {
    expect(tables).to.have.length(200);
  });

  it('t over run means (DescrStatsW.tconfint_mean)', () => {
    each(({ means_a, mean_interval: [low, high] }, what) => {
      ends(meanInterval(means_a), { low, high }, what);
    });
  });

  it('Welch (ttest_ind(equal_var=False) and its confidence_interval)', () => {
    each(({ means_a, means_b, welch: meant }, what) => {
      const seen = welch(means_a, means_b);
      ends(seen, meant, what);
      for (const figure of ['t', 'df', 'p'] as const) close(seen?.[figure], meant[figure], `${what}, ${figure}`);
    });
  });

  it('equivalence (ttost_ind(usevar="unequal"))', () => {
    each(({ means_a, means_b, equivalence: { margin, p } }, what) => {
      close(equivalence(means_a, means_b, margin)?.p, p, what);
    });
  });

  it('one more draw (t of scipy.stats)', () => {
    each(({ means_a, one_more: { value, t, p } }, what) => {
      const seen = oneMoreDraw(value, means_a);
      close(seen?.t, t, `${what}, t`);
      close(seen?.p, p, `${what}, p`);
    });
  });

  it('Holm (multipletests(method="holm"))', () => {
    each(({ holm: { ps, adjusted } }, what) => {
      for (const [at, p] of holm(ps).entries()) close(p, adjusted[at], `${what}, p ${at + 1}`);
    });
  });

  it('plus-two t over prompts, cut to 0..1 (DescrStatsW with a 0 and a 1 more)', () => {
    each(({ a, prompt_interval: [low, high] }, what) => {
      ends(promptInterval(points(a)[0] ?? []), { low: Math.max(0, low), high: Math.min(1, high) }, what);
    });
  });

  it('new prompts (mean squares of anova_lm)', () => {
    each(({ a, new_prompts: meant }, what) => {
      ends(newPromptsInterval(points(a)), meant, what);
    });
  });

  it('sign-flip (permutation_test(permutation_type="samples"), every permutation)', () => {
    each(({ a: [a = []], b: [b = []], sign_flip: meant }, what) => {
      const seen = signFlip(
        a.map((score, at) => score / 30 - (b[at] ?? 0) / 30),
        '',
      );
      expect(seen.simulated, what).to.equal(false);
      close(seen.p, meant, what);
    });
  });

  it('share (binomtest().proportion_ci("exact"))', () => {
    each(({ share }, what) => {
      ends(shareInterval(share.k, share.n), share, what);
    });
  });

  it('detectable difference (quad over the chi distribution)', () => {
    each(({ power: { a, b, detectable } }, what) => {
      close(detectableDifference(1, { a, b }), detectable, what);
    });
  });

  it('runs needed is the least number whose detectable difference is small enough', () => {
    each(({ power: { detectable } }, what) => {
      const runs = runsNeeded(detectable, 1);
      expect(detectableDifference(1, { a: runs, b: runs }), what).to.be.at.most(detectable + 1e-7);
      if (runs > 2) expect(detectableDifference(1, { a: runs - 1, b: runs - 1 }), what).to.be.above(detectable - 1e-7);
    });
  });

  it('range of an sd (chi2.ppf)', () => {
    each(({ sd_interval: { sd, df, ...meant } }, what) => {
      ends(sdInterval(sd, df), meant, what);
    });
  });
});
