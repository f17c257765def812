/** What we use of jStat, which comes without types. */
declare module 'jstat' {
  const jStat: {
    /** Regularised incomplete beta function. */
    readonly ibeta: (x: number, a: number, b: number) => number;
    readonly ibetainv: (p: number, a: number, b: number) => number;
    /** Regularised lower incomplete gamma function P(a, x). */
    readonly lowRegGamma: (a: number, x: number) => number;
    readonly gammapinv: (p: number, a: number) => number;
    readonly gammaln: (x: number) => number;
    readonly erf: (x: number) => number;
  };
  export = jStat;
}
