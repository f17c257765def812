import type { Command } from 'commander';
import { openWorkspace, type Workspace } from '../../io/workspace/workspace.ts';
import { warnOfWorkspace } from './warnings.ts';

/** Adds one command to the program. `exit` receives its exit code. */
export type Register = (program: Command, exit: (code: number) => void) => void;

interface Globals {
  readonly workspace: string;
  readonly logLevel: string;
}

/** The options before the command. */
export const globals = (command: Command): Globals => command.optsWithGlobals<Globals>();

/** The workspace of `--workspace`. Doubtful settings in its phasebox.yaml go to stderr. */
export async function workspaceOf(command: Command, access: 'read' | 'write'): Promise<Workspace> {
  const workspace = await openWorkspace(globals(command).workspace, access);
  warnOfWorkspace(workspace);
  return workspace;
}
