/** The stack of an error in what commands printed, with some lines around it; null: there is none. */
export function stackIn(text: string): string | null {
  const lines = text.split('\n');
  const at = lines.findIndex((line) => /phasebox itself failed|^\s+at .*:\d+:\d+/.test(line));
  return at < 0 ? null : lines.slice(Math.max(0, at - 3), at + 9).join('\n');
}
