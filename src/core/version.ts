/** The oldest Node that the command runs on. package.json has the same in `engines`. */
export const oldestNode = [20, 19] as const;

/** An older Node with which the command was seen to work. It leads to a warning and is not refused. */
export const toleratedNode = [20, 18] as const;

/** True for versions from `least` on: `20.19.0` of [20, 19]. Parts that are absent or not numbers count as 0. */
export function isAtLeast(version: string, least: readonly number[]): boolean {
  const parts = version.split('.').map((part) => Number.parseInt(part, 10) || 0);
  const place = least.findIndex((part, index) => (parts[index] ?? 0) !== part);
  return place < 0 || (parts[place] ?? 0) > (least[place] ?? 0);
}
