/** One word of a POSIX shell command, quoted where the shell would change it. */
export const shellWord = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;

/** `~/my file` as `~/'my file'`, so that the shell expands it as phasebox does. */
const commandWord = (word: string): string =>
  word === '~' || word === '~/' ? word : word.startsWith('~/') ? `~/${shellWord(word.slice(2))}` : shellWord(word);

/** A command as one line that a shell reads back as the same words; `~/x` is in the home folder. */
export const shellLine = (argv: readonly string[]): string => argv.map(commandWord).join(' ');
