import { expect } from 'chai';
import type { Command } from 'commander';
import { commands } from '../../src/commands/index.ts';
import { emptyProgram } from '../../src/commands/parts/command.ts';

/** The program with every command, each registered under the name it is loaded by. */
export async function everyCommand(): Promise<Command> {
  const program = emptyProgram();
  for (const load of Object.values(commands)) (await load())(program, () => undefined);
  expect(program.commands.map((command) => command.name())).to.deep.equal(Object.keys(commands));
  return program;
}
