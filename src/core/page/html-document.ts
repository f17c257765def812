/** The generator named in the head of a page. */
export const generator = 'phasebox';

/** Text as the content of an element. */
export const escapeHtml = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

/** One HTML file without scripts or other files. `style` is its CSS, which follows the reader's light or dark theme. */
export function htmlDocument({ title, body, style }: { title: string; body: string; style: string }): string {
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
