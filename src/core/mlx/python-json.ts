/** Why Python's json module refuses a text before reading it, or null. */
export function refusedStart(text: string): string | null {
  if (text === '') return 'empty';
  return text.startsWith('\uFEFF')
    ? 'begins with a byte order mark (BOM), which mlx_lm cannot read; save it as UTF-8 without BOM'
    : null;
}
