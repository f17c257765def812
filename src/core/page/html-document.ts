/** The generator named in the head of a page. */
export const generator = 'phasebox';

/** Text as the content of an element. */
export const escapeHtml = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

interface HtmlContent {
  readonly title: string;
  readonly body: string;
  /** CSS: templates/page.css, and what the page adds to it. */
  readonly style: string;
}

/** One HTML file that needs no other and has no script. It follows the reader's light or dark theme. */
export function htmlDocument({ title, body, style }: HtmlContent): string {
  const head = [
    '<!doctype html>',
    '<html lang="en">',
    '<head>',
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    // identifies the file as one of ours
    `<meta name="generator" content="${generator}">`,
    // a browser requests /favicon.ico unless the page has an icon
    '<link rel="icon" href="data:,">',
    `<title>${escapeHtml(title)}</title>`,
    `<style>\n${style}</style>`,
    '</head>',
  ];
  return `${head.join('\n')}\n<body>\n<main>\n${body}</main>\n</body>\n</html>\n`;
}
