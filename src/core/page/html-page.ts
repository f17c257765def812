import { htmlBody, pageTitle } from './html-body.ts';
import { htmlDocument } from './html-document.ts';

/**
 * A page of ours as one HTML file without other files: style and plots are inside, there is no script, and it follows
 * the reader's light or dark theme.
 */
export const htmlPage = (markdown: string, plots: ReadonlyMap<string, string> = new Map()): string =>
  htmlDocument({ title: pageTitle(markdown), body: htmlBody(markdown, plots) });
