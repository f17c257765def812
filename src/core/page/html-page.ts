import MarkdownIt from 'markdown-it';
import { htmlDocument } from './html-document.ts';

/** The HTML in our own Markdown: folded text and anchors. Everything else that looks like a tag is shown as text. */
const ours = /<(?!\/?(?:details|summary)>|a id="[\w-]+">|\/a>)/g;

/** Removes comments (our marks among them), and shows tags that are not ours. */
const onlyOurs = (html: string): string => html.replace(/<!--[\s\S]*?-->/g, '').replace(ours, '&lt;');

/** Adjacent paragraphs with one plot each, which can be laid out side by side. */
const figures = /(?:<p><span class="figure">(?:(?!<\/svg>)[\s\S])*<\/svg><\/span><\/p>\n)+/g;

/** `runs.md` -> `runs.html`, `../COMPARISON.md` -> `../report.html`. Other links are unchanged. */
export const pageLink = (href: string): string =>
  /^[a-z][a-z\d+.-]*:|^\/\//i.test(href)
    ? href
    : href
        .replace(/(^|\/)COMPARISON\.md(?=#|$)/, '$1report.html')
        .replace(/(^|\/)(runs|how|answers)\.md(?=#|$)/, '$1$2.html');

/**
 * Markdown (ours, and what a person wrote around it) as the inside of an HTML page. `plots`: the SVG of each path.
 * Other pictures become links, so that nothing is requested. No script, tag or `javascript:` link of the text survives.
 */
export function htmlBody(markdown: string, plots: ReadonlyMap<string, string>): string {
  const md = new MarkdownIt({ html: true });
  const { rules } = md.renderer;
  const { escapeHtml } = md.utils;
  rules.html_block = (tokens, at) => onlyOurs(tokens[at]?.content ?? '');
  rules.html_inline = (tokens, at) => onlyOurs(tokens[at]?.content ?? '');
  rules.table_open = () => '<div class="scroll" tabindex="0"><table>\n';
  rules.table_close = () => '</table></div>\n';
  rules.image = (tokens, at) => {
    const source = String(tokens[at]?.attrGet('src') ?? '');
    const svg = plots.get(source);
    const text = escapeHtml(tokens[at]?.content || source);
    if (svg !== undefined) return `<span class="figure"><span class="caption">${text}</span>${svg.trim()}</span>`;
    return `<a href="${escapeHtml(pageLink(source))}" rel="noreferrer">${text}</a>`;
  };
  rules.link_open = (tokens, at, options, _env, self) => {
    const token = tokens[at];
    token?.attrSet('href', pageLink(String(token.attrGet('href') ?? '')));
    token?.attrSet('rel', 'noreferrer');
    return self.renderToken(tokens, at, options);
  };
  return md
    .render(markdown.replace(/^\uFEFF/, ''))
    .replace(figures, (found) => `<div class="figures">${found}</div>\n`);
}

/** The text of the first heading, or `phasebox` if the page has none. */
export function pageTitle(markdown: string): string {
  const inline = new MarkdownIt().parse(markdown, {}).find((_, at, all) => all[at - 1]?.type === 'heading_open');
  const text = inline?.children?.map(({ content }) => content).join('') ?? '';
  return text.trim() === '' ? 'phasebox' : text;
}

/** What is put into a page: the SVG of its plots by their paths, and its CSS. */
export interface PageFiles {
  readonly plots?: ReadonlyMap<string, string>;
  readonly style?: string;
}

/** A page of ours as one HTML file, with the plots inside. */
export const htmlPage = (markdown: string, { plots = new Map(), style = '' }: PageFiles = {}): string =>
  htmlDocument({ title: pageTitle(markdown), body: htmlBody(markdown, plots), style });
