const marker = '\u0000';

/** A word that begins with a variable of the script: `place('work', '/a b')` becomes `"$work"'/a b'`. */
export const place = (variable: string, rest = ''): string => `${marker}${variable}${marker}${rest}`;

const quote = (text: string): string => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

/** One word of a shell command, quoted where it has to be. */
export function shellWord(text: string): string {
  const [, variable, rest] = text.split(marker);
  if (variable === undefined || rest === undefined) return quote(text);
  return `"$${variable}"${rest === '' ? '' : quote(rest)}`;
}

/** `~/my file` as `~/'my file'`, so that the shell expands it as phasebox does. */
const commandWord = (word: string): string =>
  word === '~' || word === '~/' ? word : word.startsWith('~/') ? `~/${quote(word.slice(2))}` : shellWord(word);

/** A command as one line that a shell reads back as the same words; `~/x` is in the home folder. */
export const shellLine = (argv: readonly string[]): string => argv.map(commandWord).join(' ');

/** A file written by a here-document, byte for byte. `text` ends with a line break. */
export function hereDocument(file: string, text: string): string {
  let end = 'END';
  while (text.split('\n').includes(end)) end += '_';
  return `cat >${shellWord(file)} <<'${end}'\n${text}${text.endsWith('\n') ? '' : '\n'}${end}`;
}
