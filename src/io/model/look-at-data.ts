import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { CommandError } from '../../core/errors.ts';
import { type LookCall, lookArgv } from '../../core/mlx/look-argv.ts';
import { toolEnv } from '../../core/mlx/python.ts';
import { type CheckReport, checkReport, type SplitReport, splitReport } from '../../events/data-report.ts';
import { files, type RowKeys, rowKeys } from '../../events/stages/mlx.ts';
import { type CheckCall, checkArgv } from '../../events/stages/train.ts';
import { driverPath } from '../host/package-root.ts';

/** Checks data that no run has yet, with python/check_data.py. Throws CommandError 3 if the check itself fails. */
export const lookAtData = (python: string, call: LookCall, signal: AbortSignal): Promise<CheckReport> =>
  report(lookArgv(python, driverPath('check_data'), call), signal);

/** The check at the beginning of training, before training starts. Throws CommandError 3 if the check fails. */
export const checkTrainingData = (python: string, call: CheckCall): Promise<CheckReport> =>
  report(checkArgv(python, driverPath('check_data'), call));

async function report(argv: readonly string[], signal?: AbortSignal): Promise<CheckReport> {
  const folder = await mkdtemp(join(tmpdir(), 'phasebox-data-'));
  try {
    await run(argv, folder, signal);
    return checkReport.parse(JSON.parse(await readFile(join(folder, files.profile), 'utf8')));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Writes the data with one row per assistant turn into a folder, with python/split_data.py. */
export async function splitData(
  python: string,
  call: { readonly data: string; readonly out: string; readonly keys: RowKeys },
  signal: AbortSignal,
): Promise<SplitReport> {
  const argv = [python, driverPath('split_data'), '--data', call.data, '--out', call.out, ...rowKeys(call.keys)];
  return splitReport.parse(JSON.parse(await run(argv, call.out, signal)));
}

/** The output of a driver. If it fails, throws CommandError 3 with the last lines of its output. */
async function run(argv: readonly string[], cwd: string, cancelSignal?: AbortSignal): Promise<string> {
  const [program = '', ...words] = argv;
  const canceled = cancelSignal === undefined ? {} : { cancelSignal };
  const ended = await execa(program, words, { cwd, env: toolEnv({}), reject: false, stdin: 'ignore', ...canceled });
  cancelSignal?.throwIfAborted();
  if (!ended.failed) return ended.stdout;
  const said = ended.stderr.trim().split('\n').slice(-5).join('\n');
  throw new CommandError(3, `The data could not be read with ${program}:\n${said || ended.shortMessage}`);
}
