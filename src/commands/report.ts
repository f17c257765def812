import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CommandError } from '../core/errors.ts';
import { curveHeader, curveLines } from '../core/mlx/curve.ts';
import { rowTable } from '../core/run/row-table.ts';
import { stageFolder } from '../events/stages.ts';
import { readResults } from '../io/artifacts/results-file.ts';
import { readTraining } from '../io/artifacts/training-files.ts';
import { ifAbsent } from '../io/disk/files.ts';
import { writePages } from '../io/page/pages.ts';
import type { Workspace } from '../io/workspace/workspace.ts';
import { documented, type Register, workspaceOf } from './parts/command.ts';
import { print, printError, printFile } from './parts/output.ts';

/** Renders all pages again. Prints the path of the report, or the report without what a person wrote around it. */
export async function report(workspace: Workspace, options: { readonly print: boolean }): Promise<void> {
  await needResults(workspace);
  const { path, rendered, warnings } = await writePages(workspace);
  for (const warning of warnings) printError(`phasebox: ${warning}\n`);
  print(options.print ? rendered : `${path}\n`);
}

async function needResults({ artifacts }: Workspace): Promise<void> {
  if ((await stat(artifacts).catch(ifAbsent(null))) !== null) return;
  const todo = 'The first `phasebox up` or `phasebox submit` makes it. Before that, there is nothing to compare.';
  throw new CommandError(3, `${artifacts} does not exist. ${todo}`);
}

/** Prints the results as CSV, or the curves of the trainings that they come from. Nothing is written. */
export async function reportCsv(workspace: Workspace, options: { readonly curves: boolean }): Promise<void> {
  await needResults(workspace);
  const { rows, damaged } = await readResults(workspace.artifacts);
  for (const { line, why } of damaged) printError(`phasebox: results.jsonl, line ${line}: ${why}\n`);
  if (!options.curves) return printFile(rowTable(rows));
  printFile(curveHeader);
  for (const row of rows)
    printFile(curveLines(row, await readTraining(join(workspace.artifacts, row.phase, row.run, stageFolder('train')))));
}

interface ReportOptions {
  readonly print: boolean;
  readonly csv: boolean;
  readonly curves: boolean;
}

export const registerReport: Register = (program) => {
  documented(program.command('report'), {
    does: 'Write the report again, or print the results as CSV',
    notes: [
      'The report is made from results.jsonl. The command prints its path.',
      'With --csv, the command writes no report. It prints a header and a line for each result. Scores are percent. With --csv --curves, it prints the losses that each training reported instead. An unknown value is an empty field, and fields are quoted as in RFC 4180.',
    ],
    examples: [
      'phasebox report',
      'phasebox report --print | less',
      'phasebox report --csv >runs.csv',
      'phasebox report --csv --curves >curves.csv',
    ],
    exits: {
      0: 'the report is written, or the CSV is printed',
      2: '--curves was given without --csv, or --csv together with --print',
      3: 'this folder is not a workspace, or the report cannot be written',
    },
  })
    .option('--print', 'print the report instead of its path', false)
    .option('--csv', 'print the results as CSV, one line for each run', false)
    .option('--curves', 'with --csv: print the training curves, one line for each reported loss', false)
    .action(async (options: ReportOptions, command) => {
      const { csv, curves } = options;
      if (curves && !csv) throw new CommandError(2, '--curves needs --csv: `phasebox report --csv --curves`');
      if (csv && options.print) throw new CommandError(2, 'use either --csv or --print');
      const workspace = await workspaceOf(command, 'read');
      if (csv) await reportCsv(workspace, { curves });
      else await report(workspace, options);
    });
};
