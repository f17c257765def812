/** The fields of a CSV text (RFC 4180): a simple reader of its own, character by character. */
function csvFields(text: string): string[][] {
  const lines: string[][] = [[]];
  let [field, quoted] = ['', false];
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (quoted && character === '"' && text[at + 1] === '"') field += text[++at];
    else if (character === '"') quoted = !quoted;
    else if (!quoted && (character === ',' || character === '\n')) {
      lines.at(-1)?.push(field);
      field = '';
      if (character === '\n') lines.push([]);
    } else field += character;
  }
  return lines.slice(0, -1);
}

/** The lines of a CSV text by the names of its header. Every line must have a field for each name. */
export function csvTable(text: string): Record<string, string>[] {
  const [names = [], ...lines] = csvFields(text);
  return lines.map((fields) => {
    if (fields.length !== names.length) throw new Error(`${fields.length} fields for ${names.length} names: ${fields}`);
    return Object.fromEntries(names.map((name, at) => [name, fields[at] ?? '']));
  });
}
