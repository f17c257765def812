/** The generator named in the head of a page. */
export const generator = 'phasebox';

/** All styles of the page. They refer to no other file. */
const style = `
:root{color-scheme:light dark;--bg:#fff;--ink:#1f2328;--soft:#59636e;--line:#d1d9e0;--shade:#f6f8fa;--link:#0969da;--strong:#101418}
@media (prefers-color-scheme:dark){:root{--bg:#0d1117;--ink:#d5dce4;--soft:#9198a1;--line:#3d444d;--shade:#161b22;--link:#6cb2ff;--strong:#f4f7fa}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:var(--bg);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:80rem;margin:0 auto;padding:1.5rem 1rem 4rem}
h1,h2,h3{line-height:1.25;color:var(--strong);overflow-wrap:anywhere}
h1{font-size:1.7rem;margin:.5rem 0 1rem}
h2{font-size:1.25rem;margin:2.2rem 0 .8rem;padding-top:1.2rem;border-top:1px solid var(--line)}
h3{font-size:1.05rem;margin:1.6rem 0 .6rem}
p,li{max-width:48rem;overflow-wrap:anywhere}
ul,ol{padding-left:1.3rem}
li{margin:.25rem 0}
strong{color:var(--strong)}
a{color:var(--link)}
blockquote{margin:1rem 0;padding:.1rem 1rem;border-left:.25rem solid var(--line);color:var(--soft)}
code{font:.875em ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;background:var(--shade);padding:.1em .3em;border-radius:4px;overflow-wrap:anywhere}
pre{background:var(--shade);padding:.8rem;border-radius:6px;overflow-x:auto;font-size:.9rem;line-height:1.45}
pre code{background:none;padding:0;overflow-wrap:normal}
details{margin:.8rem 0}
summary{cursor:pointer;color:var(--soft)}
hr{border:0;border-top:1px solid var(--line);margin:2rem 0}
.scroll{overflow-x:auto;margin:1rem 0;border:1px solid var(--line);border-radius:6px}
table{border-collapse:separate;border-spacing:0;width:max-content;min-width:100%;font-size:.9rem;font-variant-numeric:tabular-nums}
th,td{padding:.4rem .7rem;text-align:left;vertical-align:top;border-bottom:1px solid var(--line);max-width:14rem}
tr:last-child td{border-bottom:0}
th{background:var(--shade);font-weight:600;max-width:9rem}
th:first-child,td:first-child{position:sticky;left:0;z-index:1;background:var(--bg);border-right:1px solid var(--line);max-width:10rem;min-width:5.5rem;overflow-wrap:anywhere}
th:first-child{background:var(--shade)}
td code{white-space:nowrap;overflow-wrap:normal}
.figures{columns:27rem 2;column-gap:2rem;margin:1.5rem 0}
.figures p{margin:0;max-width:none;break-inside:avoid}
.figure{display:block;padding:.4rem 0 1.2rem}
.figure svg{display:block;width:100%;height:auto;max-width:38rem}
.caption{display:block;color:var(--soft);font-size:.9rem;margin-bottom:.5rem}
@media (max-width:40rem){main{padding:1rem .9rem 3rem}h1{font-size:1.4rem}th,td{padding:.35rem .55rem;max-width:15rem}th:first-child,td:first-child{max-width:7.5rem}}
@media print{.scroll{overflow:visible}}
`;

/** Text as the content of an element. */
export const escapeHtml = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

interface HtmlContent {
  /** Plain text. */
  readonly title: string;
  /** HTML. */
  readonly body: string;
  /** Styles in addition to those of our pages. */
  readonly style?: string;
}

/**
 * A page as one HTML file without other files: the style is inside, there is no script, and it follows the reader's
 * light or dark theme.
 */
export function htmlDocument({ title, body, style: more = '' }: HtmlContent): string {
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
    `<style>${style}${more}</style>`,
    '</head>',
  ];
  return `${head.join('\n')}\n<body>\n<main>\n${body}</main>\n</body>\n</html>\n`;
}
