/** Characters that a shell leaves unchanged. `=` may not come first: zsh looks up such a word as a command. */
const plain = /^(?!=)[\w@%+=:,./-]+$/;
/** Special words at the start of a line: `A=b` sets a variable, `%1` resumes a job, `if` begins a construct. */
const special = /^%|=|^(?:case|coproc|do|done|elif|else|esac|fi|for|function|if|in|select|then|time|until|while)$/;

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** One word of a POSIX shell command, quoted where the shell would change it. */
export const shellWord = (text: string): string => (plain.test(text) ? text : quoted(text));

/** `~/my file` as `~/'my file'`, so that the shell expands it as phasebox does. */
const commandWord = (word: string): string =>
  word === '~' || word === '~/' ? word : word.startsWith('~/') ? `~/${shellWord(word.slice(2))}` : shellWord(word);

/** A command as one line that a shell reads back as the same words. `~/x` is in the home folder. */
export const shellLine = (argv: readonly string[]): string =>
  argv.map((word, index) => (index === 0 && special.test(word) ? quoted(word) : commandWord(word))).join(' ');
