import jStat from 'jstat';

/** The only file with jStat. Its incomplete beta is off by 2e-8 (SciPy), so that is here. Its inverses are polished. */

/** Two are enough from 1e-8. A third costs little and covers a poor start. */
const polishSteps = 3;
/** Far more than needed: rounding may keep the last factor from ever being exactly 1. */
const mostTerms = 1000;

/** P(|T| >= |t|) of Student's t with `df` degrees of freedom, any positive number. Exact far out too. */
export function studentTwoSided(t: number, df: number): number {
  if (!Number.isFinite(t)) return 0;
  return incompleteBeta(df / (df + t * t), df / 2, 0.5);
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
    jStat.loggam((df + 1) / 2) -
    jStat.loggam(df / 2) -
    0.5 * Math.log(df * Math.PI) -
    ((df + 1) / 2) * Math.log1p((t * t) / df);
  return Math.exp(log);
}

/** The x below which a beta(a, b) value is with probability `p`. */
export function betaQuantile(p: number, a: number, b: number): number {
  let x = jStat.ibetainv(p, a, b);
  for (let step = 0; step < polishSteps; step++) {
    const density = Math.exp((a - 1) * Math.log(x) + (b - 1) * Math.log1p(-x) - betaLog(a, b));
    const next = x - (incompleteBeta(x, a, b) - p) / density;
    if (!(next > 0 && next < 1)) break;
    x = next;
  }
  return x;
}

function betaLog(a: number, b: number): number {
  return jStat.loggam(a) + jStat.loggam(b) - jStat.loggam(a + b);
}

/** Regularised incomplete beta function I_x(a, b), to 1e-13. */
function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0 || x >= 1) return x <= 0 ? 0 : 1;
  const front = Math.exp(a * Math.log(x) + b * Math.log1p(-x) - betaLog(a, b));
  // The fraction converges fast below the mean, and its mirror image above it.
  if (x < (a + 1) / (a + b + 2)) return (front * betaFraction(x, a, b)) / a;
  return 1 - (front * betaFraction(1 - x, b, a)) / b;
}

/** Its continued fraction by the method of Lentz (DLMF 8.17.22), which takes 10 to 60 terms here. */
function betaFraction(x: number, a: number, b: number): number {
  let c = 1;
  let d = 1 / (1 - ((a + b) * x) / (a + 1));
  let value = d;
  let factor = 0;
  for (let m = 1; Math.abs(factor - 1) > 1e-15 && m <= mostTerms; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / (1 + even * d);
    c = 1 + even / c;
    value *= d * c;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / (1 + odd * d);
    c = 1 + odd / c;
    factor = d * c;
    value *= factor;
  }
  return value;
}

/** The x below which a chi-squared value with `df` degrees of freedom is with probability `p`. */
export function chiSquaredQuantile(p: number, df: number): number {
  const a = df / 2;
  let x = jStat.gammapinv(p, a);
  for (let step = 0; step < polishSteps; step++) {
    const density = Math.exp((a - 1) * Math.log(x) - x - jStat.loggam(a));
    const next = x - (jStat.lowRegGamma(a, x) - p) / density;
    if (!(next > 0)) break;
    x = next;
  }
  return 2 * x;
}

/** Density of s/sigma, the sample sd of gaussian values with `df` degrees of freedom, over its true value. */
export function relativeSdDensity(s: number, df: number): number {
  const half = df / 2;
  const log = Math.LN2 + half * Math.log(half) - jStat.loggam(half) + (df - 1) * Math.log(s) - half * s * s;
  return Math.exp(log);
}

/** P(Z < z) of the standard normal distribution. */
export function normalBelow(z: number): number {
  return 0.5 * (1 + jStat.erf(z / Math.SQRT2));
}
