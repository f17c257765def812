import { stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { CommandError } from '../core/errors.ts';
import type { LookCall, RowAddress } from '../core/mlx/look-argv.ts';
import { type DataReport, dataText, lastReport } from '../core/page/data-report.ts';
import { printable, printableJson } from '../core/printable.ts';
import { shellLine } from '../core/shell.ts';
import type { CheckReport } from '../events/data-report.ts';
import type { RowKeys } from '../events/stages/mlx.ts';
import { ifAbsent } from '../io/disk/files.ts';
import { newFolder } from '../io/host/new-folder.ts';
import { getMlx, readFacts } from '../io/model/facts.ts';
import { lookAtData, splitData } from '../io/model/look-at-data.ts';
import { resolveModel } from '../io/model/models.ts';
import { findMlxPython, findPython } from '../io/model/pythons.ts';
import { pagePlace, writeDataPage } from '../io/page/write-html.ts';
import { openFolder } from '../io/workspace/workspace.ts';
import { globals, type Register } from './parts/command.ts';
import { dataFlags, type Flags, namedKeys, rowAddress } from './parts/data-flags.ts';
import { print, printError, warnOfWorkspace } from './parts/output.ts';

export interface DataOptions extends Pick<Flags, 'model' | 'maskPrompt' | 'maxSeqLength' | 'split'> {
  /** The folder in which Python is searched: a workspace, or any other. */
  readonly folder: string;
  /** A file of rows, or a folder with train.jsonl. All paths but `folder` are relative to the current folder. */
  readonly data: string;
  /** How many rows to show, and which ones in any case: `7` or `valid.jsonl:7`. */
  readonly rows: number;
  readonly row: readonly string[];
  /** The keys of the rows, if they differ from mlx_lm's own. */
  readonly keys?: RowKeys;
  readonly signal: AbortSignal;
}

/** Throws CommandError 2 (no such data, model or row; folder of the split not empty) or 3 (no Python with mlx_lm). */
export async function lookAt(options: DataOptions): Promise<DataReport> {
  const { maskPrompt, maxSeqLength, rows, keys = {}, signal } = options;
  const data = resolve(options.data);
  const file = await countedFile(data);
  const lines = options.row.map((row) => rowAddress(row, file));
  const model = await modelFolder(options.model);
  const python = await mlxPython(options.folder);
  const look = (folder: string, shown: Pick<LookCall, 'rows' | 'lines'>): Promise<CheckReport> =>
    lookAtData(python, { model, data: folder, maskPrompt, maxSeqLength, keys, ...shown }, signal);
  const lookBefore = async (): Promise<CheckReport> => withAll(lines, await look(data, { rows, lines }));
  const report = (before: CheckReport) => ({
    ...{ data, file, model, maxSeqLength, before },
    // text is read without a mask
    maskPrompt: before.profile?.taught?.masked ?? maskPrompt,
  });
  if (options.split === undefined) return { ...report(await lookBefore()), split: null };
  const folder = resolve(options.split);
  return newFolder(folder, async (draft) => {
    const { files } = await splitData(python, { data, out: draft, keys }, signal);
    const written = file === basename(data) ? join(draft, file) : draft;
    const [before, after] = await Promise.all([lookBefore(), look(written, { rows: 0, lines: [] })]);
    return { ...report(before), split: { folder, files, after: underName(after, { draft, folder }) } };
  });
}

function withAll(lines: readonly RowAddress[], report: CheckReport): CheckReport {
  const missing = lines.find(({ file, line }) => !report.shown.some((row) => row.file === file && row.line === line));
  if (missing === undefined) return report;
  const why = 'there is no such row, or no tokens can be made of it';
  throw new CommandError(2, `--row ${missing.file}:${missing.line}: ${why}.`);
}

async function countedFile(data: string): Promise<string> {
  const found = await stat(data).catch(ifAbsent(null));
  if (found === null)
    throw new CommandError(2, `${printable(data)} does not exist. Give a .jsonl file, or a folder with train.jsonl.`);
  return found.isDirectory() ? 'train.jsonl' : basename(data);
}

/** The folder of a model. Paths are relative to the current folder, and nothing is fetched. */
async function modelFolder(source: string): Promise<string> {
  const found = await resolveModel(source, null, process.cwd());
  if (found.found) return found.folder;
  const todo =
    found.kind === 'hub'
      ? `Fetch it: ${shellLine(['hf', 'download', source])}`
      : 'Give the folder of a model, or a hub id that is in the cache.';
  throw new CommandError(2, `--model ${printable(source)}: ${found.message}. ${todo}`);
}

/** The Python that training in this folder would use. Without a workspace it is searched for, as by `init`. */
async function mlxPython(folder: string): Promise<string> {
  const { workspace, config } = await openFolder(folder);
  if (workspace !== null) warnOfWorkspace(workspace);
  const root = resolve(folder);
  if (workspace !== null || config.python !== undefined) {
    const python = await findPython({ root, config });
    await readFacts(python);
    return python;
  }
  const { found, without } = await findMlxPython(root);
  if (found !== null) return found.path;
  const asked = without.length === 0 ? '' : ` Without it: ${without.join(', ')}.`;
  throw new CommandError(3, `No Python with mlx_lm found (.venv, VIRTUAL_ENV, PATH).${asked} ${getMlx}`);
}

/** Messages about a folder that is still under its temporary name use the final name. */
function underName(report: CheckReport, { draft, folder }: { draft: string; folder: string }): CheckReport {
  const placed = (text: string): string => text.replaceAll(draft, folder);
  return {
    ...report,
    stops: report.stops.map((stop) => ({ ...stop, message: placed(stop.message) })),
    warnings: report.warnings.map(placed),
    blind: report.blind.map(placed),
  };
}

export const registerData: Register = (program, exit) => {
  dataFlags(program.command('data')).action(async (data: string, flags: Flags, command) => {
    const stop = new AbortController();
    const onSignal = (): void => stop.abort(new CommandError(1, 'Stopped.'));
    // Not `once`: execa's signal handling ends a process that has no other listener left.
    process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
    try {
      const { json = false, html, row = [], ...options } = flags;
      const rows = flags.rows ?? (row.length > 0 ? 0 : html === undefined ? 3 : 20);
      const folder = globals(command).workspace;
      const page = html === undefined ? null : await pagePlace(html);
      const report = await lookAt({ ...options, folder, data, rows, row, keys: namedKeys(flags), signal: stop.signal });
      if (page !== null) await writeDataPage(page, report);
      print(json ? dataJson(report) : dataText(report));
      if (page !== null) printError(`Written: ${page}\n`);
      exit(lastReport(report).stops.length > 0 ? 2 : 0);
    } finally {
      process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
    }
  });
};

function dataJson({ data, file, model, maskPrompt, maxSeqLength, before, split }: DataReport): string {
  const settings = { mask_prompt: maskPrompt, max_seq_length: maxSeqLength };
  const parts = split === null ? null : { folder: split.folder, files: split.files, ...foundIn(split.after) };
  const document = { data, file, model, ...settings, ...foundIn(before), shown: before.shown, split: parts };
  return `${printableJson(document)}\n`;
}

function foundIn({ profile, stops, warnings }: CheckReport) {
  return { profile, stops: stops.map(({ message }) => message), warnings };
}
