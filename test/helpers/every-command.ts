import { expect } from 'chai';
import type { Command } from 'commander';
import { commands, fullProgram } from '../../src/commands/index.ts';

/** The program with every command, each registered under the name it is loaded by. */
export async function everyCommand(): Promise<Command> {
  const program = await fullProgram();
  expect(program.commands.map((command) => command.name())).to.deep.equal(Object.keys(commands));
  return program;
}
