import { stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { CommandError } from '../../core/errors.ts';
import { dataPage } from '../../core/page/data-page.ts';
import type { DataReport } from '../../core/page/data-report.ts';
import { generator } from '../../core/page/html-document.ts';
import { ifAbsent, readText, writeWhole } from '../disk/files.ts';
import { pageStyle } from './write-html.ts';

/** Throws CommandError 2 if the page cannot be written there. This is checked before the data is read. */
export async function pagePlace(file: string): Promise<string> {
  const path = resolve(file);
  const folder = await stat(dirname(path)).catch(ifAbsent(null));
  if (folder?.isDirectory() !== true) throw new CommandError(2, `--html ${file}: ${dirname(path)} is not a folder.`);
  const found = await stat(path).catch(ifAbsent(null));
  if (found === null) return path;
  const isOurs = found.isFile() && (await readText(path))?.includes(`name="generator" content="${generator}"`);
  if (isOurs === true) return path;
  throw new CommandError(2, `--html ${file}: it exists and is not a page of phasebox. Give another name.`);
}

export const writeDataPage = async (path: string, report: DataReport): Promise<void> =>
  writeWhole(path, dataPage(report, await pageStyle()));
