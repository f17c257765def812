import { shellLine, shellWord } from '../../core/shell.ts';
import type { Completed, CompletedArgument, CompletedCommand, CompletedOption, Values } from './completion-spec.ts';

/** For zsh 5.1 and later. It can be sourced, or be a file `_phasebox` in a folder of `fpath`. */
export const zshScript = ({ options, commands }: Completed): string => `#compdef phasebox
# zsh completion for phasebox

_phasebox_names() {
  local -a names
  names=(\${(f)"$(phasebox $workspace completion --names $1 2>/dev/null)"})
  compadd -a names
}

_phasebox() {
  local context state state_descr line
  local -a commands workspace
  typeset -A opt_args
  commands=(
${commands.map(({ name, does }) => `    ${shellWord(`${name}:${does}`)}`).join('\n')}
  )
  _arguments -C${options.map(optionSpec).join('')} \\
    '1:command:->command' '*::argument:->argument' && return
  if [[ -n \${opt_args[--workspace]} ]]; then
    workspace=(--workspace "\${(Q)opt_args[--workspace]}")
  fi
  if [[ $state == command ]]; then
    _describe command commands
    return
  fi
  case $words[1] in
${commands.map(commandCase).join('\n')}
  esac
}

if [[ \${funcstack[1]} == _phasebox ]]; then
  _phasebox "$@"
else
  compdef _phasebox phasebox
fi
`;

const commandCase = ({ name, options, arguments: all }: CompletedCommand): string =>
  `    ${name}) _arguments${options.map(optionSpec).join('')}${all.map(argumentSpec).join('')} ;;`;

/** `'(-f --follow)'{-f,--follow}'[what it does]:value:action'` */
function optionSpec({ names, does, values }: CompletedOption): string {
  const text = `[${escaped(does)}]${values === null ? '' : `:value:${action(values)}`}`;
  const written = names.map((name) => (values !== null && name.startsWith('--') ? `${name}=` : name));
  const [only] = written;
  if (written.length === 1) return ` \\\n    ${shellWord(`${only}${text}`)}`;
  return ` \\\n    ${shellWord(`(${names.join(' ')})`)}{${written.join(',')}}${shellWord(text)}`;
}

function argumentSpec({ name, values, required, variadic }: CompletedArgument, at: number): string {
  const place = variadic ? '*' : `${at + 1}${required ? '' : ':'}`;
  return ` \\\n    ${shellWord(`${place}:${name}:${action(values)}`)}`;
}

/** What _arguments reads as its own: the end of a description, and the parts of a specification. */
const escaped = (text: string): string => text.replace(/[\\[\]:]/g, '\\$&');

function action(values: Values): string {
  switch (values.kind) {
    case 'words':
      return `(${shellLine(values.words)})`;
    case 'names':
      // The space keeps _arguments from adding arguments of its own.
      return ` _phasebox_names ${values.of}`;
    case 'files':
      return '_files';
    case 'folders':
      return '_files -/';
    case 'anything':
      return ' ';
  }
}
