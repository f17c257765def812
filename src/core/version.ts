/** True for versions from `least` on: `20.19.0` of [20, 19]. Unknown parts count as 0. */
export function isAtLeast(version: string, least: readonly [number, number]): boolean {
  const [major = 0, minor = 0] = version.split('.').map((part) => Number.parseInt(part, 10) || 0);
  return major > least[0] || (major === least[0] && minor >= least[1]);
}
