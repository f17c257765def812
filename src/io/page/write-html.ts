import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readText, writeWhole } from '../disk/files.ts';
import { packageRoot } from '../host/package-root.ts';
import type { Drawn } from './draw-plots.ts';

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
  drawn: readonly Pick<Drawn, 'file' | 'svg'>[],
): Promise<void> {
  const plots = new Map(drawn.map(({ file, svg }) => [file, svg]));
  const style = await pageStyle();
  const { htmlPage } = await import('../../core/page/html-page.ts');
  for (const { page, markdown: shown } of pages) {
    const markdown = shown ?? (await readText(join(artifacts, page)));
    if (markdown === null) continue;
    const [file, html] = [join(artifacts, htmlFile(page)), htmlPage(markdown, { plots, style })];
    if ((await readText(file)) !== html) await writeWhole(file, html);
  }
}
