import { readFile, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { CommandError } from '../../core/errors.ts';
import { dataPage } from '../../core/page/data-page.ts';
import type { DataReport } from '../../core/page/data-report.ts';
import { generator } from '../../core/page/html-document.ts';
import { ifAbsent, readText, writeWhole } from '../disk/files.ts';
import { packageRoot } from '../host/package-root.ts';

export const pageStyle = (): Promise<string> => readFile(join(packageRoot().folder, 'templates/page.css'), 'utf8');

/** artifacts/report.html: COMPARISON.md with everything that a person wrote there. */
export const reportFile = 'report.html';

/** The HTML file of a page of ours, in the same folder. */
const htmlFile = (page: string): string => (page === 'COMPARISON.md' ? reportFile : page.replace(/\.md$/, '.html'));

/** A page in artifacts/ (a path relative to it). `markdown` is what its HTML shows, if that is less than the page. */
export interface HtmlSource {
  readonly page: string;
  readonly markdown?: string;
}

/** Writes the HTML of pages in artifacts/, with plots inside and links between HTML files. Unchanged files stay. */
export async function writeHtml(
  artifacts: string,
  pages: readonly HtmlSource[],
  plots: ReadonlyMap<string, string>,
): Promise<void> {
  const style = await pageStyle();
  const { htmlPage } = await import('../../core/page/html-page.ts');
  for (const { page, markdown: shown } of pages) {
    const markdown = shown ?? (await readText(join(artifacts, page)));
    if (markdown === null) continue;
    const [file, html] = [join(artifacts, htmlFile(page)), htmlPage(markdown, { plots, style })];
    if ((await readText(file)) !== html) await writeWhole(file, html);
  }
}

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
