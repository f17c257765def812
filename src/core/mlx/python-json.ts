/** JSON as Python's json module reads it: NaN and Infinity are numbers there (`time_step_limit` of Mamba models). */
export function parsePythonJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const plain = text.replace(/"(?:[^"\\]|\\.)*"|-?Infinity|NaN/g, (word) => (word.startsWith('"') ? word : 'null'));
    if (plain === text) throw error;
    return JSON.parse(plain);
  }
}

/** Why Python's json module refuses a text before it reads a word of it; null: it does not. */
export function refusedStart(text: string): string | null {
  if (text === '') return 'empty';
  return text.startsWith('\uFEFF')
    ? 'begins with a byte order mark (BOM), which mlx_lm cannot read; save it as UTF-8 without BOM'
    : null;
}
