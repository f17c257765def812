import { stat } from 'node:fs/promises';
import { CommandError } from '../core/errors.ts';
import { ifAbsent } from '../io/disk/files.ts';
import { writePages } from '../io/workspace/pages.ts';
import type { Workspace } from '../io/workspace/workspace.ts';
import { print, printError } from './output.ts';
import { example, type Register, workspaceOf } from './register.ts';

export interface ReportOptions {
  /** The page itself on stdout, without what a person wrote around it. */
  readonly print: boolean;
}

/** Renders the comparison and the answers again from results.jsonl and says where they are. Returns the exit code. */
export async function report(workspace: Workspace, options: ReportOptions = { print: false }): Promise<number> {
  const found = await stat(workspace.artifacts).catch(ifAbsent(null));
  if (found === null) {
    const todo = 'The first `phasebox up` or `phasebox submit` makes it; there is nothing to compare before.';
    throw new CommandError(3, `${workspace.artifacts} is not there. ${todo}`);
  }
  const { path, rendered, warnings } = await writePages(workspace);
  for (const warning of warnings) printError(`phasebox: ${warning}\n`);
  print(options.print ? rendered : `${path}\n`);
  return 0;
}

/** `phasebox report [--print]` */
export const registerReport: Register = (program, exit) => {
  program
    .command('report')
    .description('write the comparison page again from results.jsonl, and say where it is')
    .option('--print', 'print the page as well')
    .addHelpText('after', example('phasebox report', 'phasebox report --print | less'))
    .action(async (options: { print?: boolean }, command) => {
      exit(await report(await workspaceOf(command, false), { print: options.print ?? false }));
    });
};
