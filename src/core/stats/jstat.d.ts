/** The part of jStat that we use. It has no types of its own. */
declare module 'jstat' {
  const jStat: {
    /** Inverse of the regularised incomplete beta function. */
    readonly ibetainv: (p: number, a: number, b: number) => number;
    /** Regularised lower incomplete gamma function P(a, x). */
    readonly lowRegGamma: (a: number, x: number) => number;
    readonly gammapinv: (p: number, a: number) => number;
    /** Logarithm of the gamma function, to 1e-14 (`gammaln` is off by 1e-10). */
    readonly loggam: (x: number) => number;
    readonly erf: (x: number) => number;
  };
  export = jStat;
}
