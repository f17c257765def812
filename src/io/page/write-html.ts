import { join } from 'node:path';
import { readText, writeWhole } from '../disk/files.ts';
import type { Drawn } from './draw-plots.ts';

/** artifacts/report.html: COMPARISON.md with all that a person wrote there. */
export const reportFile = 'report.html';

/** Where the HTML of a page of ours lies, beside it. */
const htmlFile = (page: string): string => (page === 'COMPARISON.md' ? reportFile : page.replace(/\.md$/, '.html'));

/** A page in artifacts/ (its path from there). `markdown`: what its HTML shows, where that is less than the page. */
export interface HtmlSource {
  readonly page: string;
  readonly markdown?: string;
}

/**
 * Writes the HTML of pages that lie in artifacts/, each with its plots inside; links between them lead from one to the
 * other. One that says the same is left as it is.
 */
export async function writeHtml(
  artifacts: string,
  pages: readonly HtmlSource[],
  drawn: readonly Pick<Drawn, 'file' | 'svg'>[],
): Promise<void> {
  const plots = new Map(drawn.map(({ file, svg }) => [file, svg]));
  const { htmlPage } = await import('../../core/page/html-page.ts');
  for (const { page, markdown: shown } of pages) {
    const markdown = shown ?? (await readText(join(artifacts, page)));
    if (markdown === null) continue;
    const [file, html] = [join(artifacts, htmlFile(page)), htmlPage(markdown, plots)];
    if ((await readText(file)) !== html) await writeWhole(file, html);
  }
}
