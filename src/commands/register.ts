import type { Command } from 'commander';
import { openWorkspace, type Workspace } from '../io/workspace/workspace.ts';

/** Adds one command to the program; `exit` takes its exit code. */
export type Register = (program: Command, exit: (code: number) => void) => void;

interface Globals {
  readonly workspace: string;
  readonly logLevel: string;
}

/** The options before the command. */
export const globals = (command: Command): Globals => command.optsWithGlobals<Globals>();

/** The workspace of `--workspace`. `create`: for the commands that may make one (up, submit, init). */
export const workspaceOf = (command: Command, create: boolean): Promise<Workspace> =>
  openWorkspace(globals(command).workspace, { create });

/** The part of a command's help that shows it in use. */
export const example = (...lines: readonly string[]): string =>
  `\nExample:\n${lines.map((line) => `  $ ${line}\n`).join('')}`;
