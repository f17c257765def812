import type { Argument, Command, Option } from 'commander';
import { wordsOf } from './command.ts';

/** What the names in a workspace are names of. */
export const namedThings = ['runs', 'phases', 'runs-and-phases', 'phases-and-variants'] as const;
export type NamedThing = (typeof namedThings)[number];

/** What a shell offers for an argument, or for the value of an option. */
export type Values =
  | { readonly kind: 'words'; readonly words: readonly string[] }
  | { readonly kind: 'names'; readonly of: NamedThing }
  | { readonly kind: 'files' | 'folders' | 'anything' };

export interface CompletedOption {
  /** `-f` and `--follow`. */
  readonly names: readonly string[];
  readonly does: string;
  /** Null for an option without a value. */
  readonly values: Values | null;
}

export interface CompletedArgument {
  readonly name: string;
  readonly values: Values;
  readonly required: boolean;
  readonly variadic: boolean;
}

export interface CompletedCommand {
  readonly name: string;
  readonly does: string;
  readonly options: readonly CompletedOption[];
  readonly arguments: readonly CompletedArgument[];
}

export interface Completed {
  readonly options: readonly CompletedOption[];
  readonly commands: readonly CompletedCommand[];
}

/** What stands for an argument or value in the help, and what it is. */
const placeholders: Readonly<Record<string, Values>> = {
  run: { kind: 'names', of: 'runs' },
  'other-run': { kind: 'names', of: 'runs' },
  phase: { kind: 'names', of: 'phases' },
  'run-or-phase': { kind: 'names', of: 'runs-and-phases' },
  'phase-or-variant': { kind: 'names', of: 'phases-and-variants' },
  other: { kind: 'names', of: 'phases-and-variants' },
  file: { kind: 'files' },
  data: { kind: 'files' },
  dir: { kind: 'folders' },
};

/** What the shells complete, from the program with every command. */
export function completedProgram(program: Command): Completed {
  const commands = program.createHelp().visibleCommands(program);
  const names = commands.map((command) => command.name());
  return {
    options: optionsOf(program),
    commands: commands.map((command) => ({
      name: command.name(),
      does: command.summary() || command.description(),
      options: optionsOf(command),
      arguments: command.registeredArguments.map((argument) => completedArgument(argument, names)),
    })),
  };
}

const optionsOf = (command: Command): CompletedOption[] =>
  command.createHelp().visibleOptions(command).map(completedOption);

function completedOption(option: Option): CompletedOption {
  const names = [option.short, option.long].flatMap((name) => name ?? []);
  const [, placeholder] = /[<[]([^>\]]+)/.exec(option.flags) ?? [];
  const values = placeholder === undefined ? null : valuesOf(placeholder, option);
  return { names, does: option.description, values };
}

function completedArgument(argument: Argument, commands: readonly string[]): CompletedArgument {
  const { required, variadic } = argument;
  const name = argument.name();
  // Commander's own `help [command]`.
  const values: Values = name === 'command' ? { kind: 'words', words: commands } : valuesOf(name, argument);
  return { name, values, required, variadic };
}

function valuesOf(placeholder: string, { argChoices, parseArg }: Pick<Option, 'argChoices' | 'parseArg'>): Values {
  const words = argChoices ?? wordsOf(parseArg);
  return words === undefined ? (placeholders[placeholder] ?? { kind: 'anything' }) : { kind: 'words', words };
}
