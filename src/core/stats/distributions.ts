import jStat from 'jstat';

/* The one place that touches jStat. Its inverses stop at 1e-8 of themselves: each is polished by Newton steps here. */

/** Two are enough from 1e-8; a third costs nothing and covers a poor start. */
const polishSteps = 3;

/** P(|T| >= |t|) of Student's t with `df` degrees of freedom (any positive number). Exact far out, where 1 - cdf is 0. */
export function studentTwoSided(t: number, df: number): number {
  if (!Number.isFinite(t)) return 0;
  return jStat.ibeta(df / (df + t * t), df / 2, 0.5);
}

/** P(T >= t) of Student's t. */
export function studentAbove(t: number, df: number): number {
  const outside = studentTwoSided(t, df) / 2;
  return t >= 0 ? outside : 1 - outside;
}

/** The t that |T| stays below with probability `level`: 12.7 at .95 and 1 degree of freedom. */
export function studentWithin(level: number, df: number): number {
  const outside = 1 - level;
  const x = jStat.ibetainv(outside, df / 2, 0.5);
  let t = Math.sqrt((df * (1 - x)) / x);
  for (let step = 0; step < polishSteps; step++) {
    t += (studentTwoSided(t, df) - outside) / (2 * studentDensity(t, df));
  }
  return t;
}

function studentDensity(t: number, df: number): number {
  const log =
    jStat.gammaln((df + 1) / 2) -
    jStat.gammaln(df / 2) -
    0.5 * Math.log(df * Math.PI) -
    ((df + 1) / 2) * Math.log1p((t * t) / df);
  return Math.exp(log);
}

/** The x below which a beta(a, b) value lies with probability `p`. */
export function betaQuantile(p: number, a: number, b: number): number {
  let x = jStat.ibetainv(p, a, b);
  for (let step = 0; step < polishSteps; step++) {
    const density = Math.exp((a - 1) * Math.log(x) + (b - 1) * Math.log1p(-x) - betaLog(a, b));
    const next = x - (jStat.ibeta(x, a, b) - p) / density;
    if (!(next > 0 && next < 1)) break;
    x = next;
  }
  return x;
}

function betaLog(a: number, b: number): number {
  return jStat.gammaln(a) + jStat.gammaln(b) - jStat.gammaln(a + b);
}

/** The x below which a chi-squared value with `df` degrees of freedom lies with probability `p`. */
export function chiSquaredQuantile(p: number, df: number): number {
  const a = df / 2;
  let x = jStat.gammapinv(p, a);
  for (let step = 0; step < polishSteps; step++) {
    const density = Math.exp((a - 1) * Math.log(x) - x - jStat.gammaln(a));
    const next = x - (jStat.lowRegGamma(a, x) - p) / density;
    if (!(next > 0)) break;
    x = next;
  }
  return 2 * x;
}

/** Density of s/sigma, the sample sd of gaussian values with `df` degrees of freedom, over its true value. */
export function relativeSdDensity(s: number, df: number): number {
  const half = df / 2;
  const log = Math.LN2 + half * Math.log(half) - jStat.gammaln(half) + (df - 1) * Math.log(s) - half * s * s;
  return Math.exp(log);
}

/** P(Z < z) of the standard normal distribution. */
export function normalBelow(z: number): number {
  return 0.5 * (1 + jStat.erf(z / Math.SQRT2));
}
