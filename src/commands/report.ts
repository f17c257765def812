import { stat } from 'node:fs/promises';
import { CommandError } from '../core/errors.ts';
import { ifAbsent } from '../io/disk/files.ts';
import { writePages } from '../io/page/pages.ts';
import type { Workspace } from '../io/workspace/workspace.ts';
import { documented, type Register, workspaceOf } from './parts/command.ts';
import { print, printError } from './parts/output.ts';

/** Renders all pages again. Prints the path of the report, or the report without what a person wrote around it. */
export async function report(workspace: Workspace, options: { readonly print: boolean }): Promise<void> {
  const found = await stat(workspace.artifacts).catch(ifAbsent(null));
  if (found === null) {
    const todo = 'The first `phasebox up` or `phasebox submit` makes it. Before that, there is nothing to compare.';
    throw new CommandError(3, `${workspace.artifacts} does not exist. ${todo}`);
  }
  const { path, rendered, warnings } = await writePages(workspace);
  for (const warning of warnings) printError(`phasebox: ${warning}\n`);
  print(options.print ? rendered : `${path}\n`);
}

export const registerReport: Register = (program) => {
  documented(program.command('report'), {
    does: 'Write the report again',
    notes: ['The report is made from results.jsonl. The command prints its path.'],
    examples: ['phasebox report', 'phasebox report --print | less'],
    exits: { 0: 'the report is written', 3: 'this folder is not a workspace, or the report cannot be written' },
  })
    .option('--print', 'print the report instead of its path', false)
    .action(async (options: { print: boolean }, command) => {
      await report(await workspaceOf(command, 'read'), options);
    });
};
