import type { Argument, Command } from 'commander';
import { usageOf } from '../../src/commands/parts/command.ts';
import { fenced, table } from './markdown.ts';

/** One line per command, with a link to its section. */
export const commandList = (program: Command): string =>
  table(
    ['command', 'what it does'],
    program.commands.map((command) => [
      `[\`phasebox ${command.name()}\`](docs/commands.md#phasebox-${command.name()})`,
      usageOf(command).does,
    ]),
  );

export const globalOptions = (program: Command): string => table(['option', 'meaning'], options(program));

/** One section per command. */
export const commandSections = (program: Command): string => program.commands.map(section).join('\n\n');

function section(command: Command): string {
  const { does, notes = [], examples, exits } = usageOf(command);
  const operands = command.registeredArguments
    .filter(({ description }) => description !== '')
    .map((argument) => [
      `\`${operandName(argument)}\``,
      `${argument.description}${defaultText(argument.defaultValue)}`,
    ]);
  const rows = [...operands, ...options(command)];
  return [
    `## phasebox ${command.name()}`,
    `${does}.`,
    ...notes,
    fenced('text', [`phasebox ${command.name()} ${command.usage()}`]),
    ...(rows.length > 0 ? [table(['argument or option', 'meaning'], rows)] : []),
    fenced('sh', examples),
    table(['exit code', 'when'], Object.entries(exits)),
  ].join('\n\n');
}

function operandName(argument: Argument): string {
  const name = `${argument.name()}${argument.variadic ? '...' : ''}`;
  return argument.required ? `<${name}>` : `[${name}]`;
}

const defaultText = (value: unknown): string => (value === undefined || value === false ? '' : ` (default: ${value})`);

const options = (command: Command): string[][] =>
  command.options.map(({ flags, description, defaultValue, negate, argChoices }) => {
    const choices = argChoices === undefined ? '' : `: ${argChoices.map((choice) => `\`${choice}\``).join(', ')}`;
    const shown = negate ? '' : defaultText(defaultValue);
    return [`\`${flags}\``, `${description}${choices}${shown}`];
  });
