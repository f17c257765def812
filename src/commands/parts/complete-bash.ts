import { shellLine, shellWord } from '../../core/shell.ts';
import type { Completed, CompletedCommand, Values } from './completion-spec.ts';

/** For bash 3.2, which macOS has, and later. Where it offers nothing, readline completes names of files. */
export const bashScript = (program: Completed): string => `# bash completion for phasebox

_phasebox_words() {
  local word
  for word; do
    if [[ $word == "$cur"* ]]; then COMPREPLY+=("$word"); fi
  done
}

_phasebox_names() {
  local name
  while IFS= read -r name; do
    if [[ $name == "$cur"* ]]; then COMPREPLY+=("$name"); fi
  done < <(phasebox \${workspace[@]+"\${workspace[@]}"} completion --names "$1" 2>/dev/null)
}

_phasebox() {
  local cur=\${COMP_WORDS[COMP_CWORD]} word option= command=
  local -a workspace=()
  local -i at operands=0
  COMPREPLY=()
  for ((at = 1; at < COMP_CWORD; at++)); do
    word=\${COMP_WORDS[at]}
    # bash splits --option=value into three words.
    if [[ $word == '=' ]]; then continue; fi
    if [[ -n $option ]]; then
      if [[ $option == --workspace ]]; then workspace=(--workspace "$word"); fi
      option=
    elif [[ $word == -* ]]; then
      case "$command $word" in
        ${valued(program)
          .map(({ pattern }) => pattern)
          .join('|')}) option=$word ;;
      esac
    elif [[ -z $command ]]; then
      command=$word
    else
      operands+=1
    fi
  done
  if [[ $cur == '=' ]]; then cur=; fi
  if [[ -n $option ]]; then
    case "$command $option" in
${valued(program)
  .flatMap(({ pattern, values }) => oneCase(pattern, offer(values)))
  .join('\n')}
    esac
  elif [[ $cur == -* ]]; then
    case $command in
${commands(program)
  .map(
    ({ name, options }) =>
      `      ${shellWord(name)}) _phasebox_words ${shellLine(options.flatMap(({ names }) => names))} ;;`,
  )
  .join('\n')}
    esac
  else
    case "$command $operands" in
${commands(program).flatMap(argumentCases).join('\n')}
    esac
  fi
}

complete -o bashdefault -o default -F _phasebox phasebox
`;

/** The commands, and as the first one what comes before a command. */
function commands({ options, commands: all }: Completed): readonly CompletedCommand[] {
  const words = all.map(({ name }) => name);
  const command = { name: 'command', values: { kind: 'words', words }, required: true, variadic: false } as const;
  return [{ name: '', does: '', options, arguments: [command] }, ...all];
}

/** The options with a value, each as a pattern. The global options are accepted after a command too. */
const valued = (program: Completed): { readonly pattern: string; readonly values: Values }[] =>
  commands(program).flatMap(({ name, options }) =>
    options.flatMap(({ names, values }) => {
      const patterns = names.map((option) => (name === '' ? `*' ${option}'` : `'${name} ${option}'`));
      return values === null ? [] : [{ pattern: patterns.join('|'), values }];
    }),
  );

const argumentCases = ({ name, arguments: all }: CompletedCommand): string[] =>
  all.flatMap(({ values, variadic }, at) => oneCase(`'${name} '${variadic ? '*' : at}`, offer(values)));

const oneCase = (pattern: string, offered: string | null): string[] =>
  offered === null ? [] : [`      ${pattern}) ${offered} ;;`];

/** Null for files, and where nothing is known. */
function offer(values: Values): string | null {
  if (values.kind === 'words') return `_phasebox_words ${shellLine(values.words)}`;
  return values.kind === 'names' ? `_phasebox_names ${values.of}` : null;
}
