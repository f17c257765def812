import type { Completed, CompletedCommand, CompletedOption, Values } from './completion-spec.ts';

/** For fish 3.0 and later. */
export const fishScript = (program: Completed): string => `# fish completion for phasebox

# Prints the command line so far in three lines: the workspace, the command, and how many arguments the command has.
function __phasebox_line
    set -l workspace .
    set -l command ''
    set -l operands 0
    set -l option ''
    for word in (commandline -opc)[2..-1]
        if test -n "$option"
            test "$option" = --workspace; and set workspace $word
            set option ''
        else if string match -q -- '--workspace=*' $word
            set workspace (string replace -- '--workspace=' '' $word)
        else if string match -q -- '-*' $word
            switch "$command $word"
                case ${valued(program).map(quoted).join(' ')}
                    set option $word
            end
        else if test -z "$command"
            set command $word
        else
            set operands (math $operands + 1)
        end
    end
    printf '%s\\n' $workspace "$command" $operands
end

# True in the arguments of a command, or in the one with this number.
function __phasebox_at
    set -l line (__phasebox_line)
    test "$line[2]" = "$argv[1]"; or return 1
    test (count $argv) -eq 1; or test "$line[3]" = "$argv[2]"
end

function __phasebox_names
    set -l line (__phasebox_line)
    phasebox --workspace $line[1] completion --names $argv[1] 2>/dev/null
end

complete -c phasebox -e
complete -c phasebox -f
${[
  ...program.options.map((option) => optionLine('', option)),
  ...program.commands.map(({ name, does }) => completion("__phasebox_at ''", `-a ${quoted(name)} -d ${quoted(does)}`)),
  ...program.commands.flatMap(commandLines),
].join('\n')}
`;

/** The options with a value, as `COMMAND --option`. The global options are accepted after a command too. */
const valued = ({ options, commands }: Completed): string[] =>
  [{ name: '*', options }, ...commands].flatMap(({ name, options: all }) =>
    all.flatMap(({ names, values }) => (values === null ? [] : names.map((option) => `${name} ${option}`))),
  );

const commandLines = ({ name, options, arguments: all }: CompletedCommand): string[] => [
  ...options.map((option) => optionLine(name, option)),
  ...all.flatMap(({ values, variadic }, at) => {
    const offered = offer(values);
    return offered === null ? [] : [completion(`__phasebox_at ${name}${variadic ? '' : ` ${at}`}`, offered)];
  }),
];

function optionLine(command: string, { names, does, values }: CompletedOption): string {
  const written = names.map((name) => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`));
  // Without -x, fish would offer files as well.
  const takes = values?.kind === 'files' ? '-r' : '-x';
  const value = values === null ? '' : ` ${takes} ${offer(values) ?? ''}`.trimEnd();
  return completion(
    `__phasebox_at ${command === '' ? "''" : command}`,
    `${written.join(' ')}${value} -d ${quoted(does)}`,
  );
}

const completion = (condition: string, rest: string): string => `complete -c phasebox -n ${quoted(condition)} ${rest}`;

/** Null if there is nothing to offer. */
function offer(values: Values): string | null {
  switch (values.kind) {
    case 'words':
      return `-a ${quoted(values.words.join(' '))}`;
    case 'names':
      return `-a ${quoted(`(__phasebox_names ${values.of})`)}`;
    case 'files':
      return '-F';
    case 'folders':
      return `-a '(__fish_complete_directories)'`;
    case 'anything':
      return null;
  }
}

const quoted = (text: string): string => `'${text.replace(/[\\']/g, '\\$&')}'`;
