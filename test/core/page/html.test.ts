import { expect } from 'chai';
import { htmlBody, htmlPage, pageLink, pageTitle } from '../../../src/core/page/html-page.ts';
import { asSentence, asText, details, fence, table } from '../../../src/core/page/markdown.ts';
import { pageStyle } from '../../../src/io/page/write-html.ts';

const none = new Map<string, string>();
const body = (markdown: string): string => htmlBody(markdown, none);

/** Tags of HTML, those that Markdown makes left out. */
const foreign = (html: string): string[] =>
  [...html.matchAll(/<\/?([a-z][\w-]*)[^>]*>/gi)]
    .map(([tag]) => tag)
    .filter(
      (tag) => !/^<\/?(?:p|h\d|ul|li|ol|strong|em|code|pre|table|thead|tbody|tr|th|td|blockquote|hr|br)>$/.test(tag),
    )
    .filter((tag) => !/^<(?:div class="scroll" tabindex="0"|\/div|code class="language-\w+")>$/.test(tag));

const attacks = [
  '<script>alert(1)</script>',
  '<img src=x onerror=alert(1)>',
  '<img src=x onerror=alert(1)',
  '<svg/onload=alert(1)>',
  '</details></summary><iframe src="https://example.org">',
  '<details ontoggle=alert(1) open>',
  '<a id="x" onclick="alert(1)">',
  '<a href="javascript:alert(1)">x</a>',
  '<!-- --><style>*{display:none}</style>',
  '<SCRIPT SRC=//example.org/x.js></SCRIPT>',
  '<!--><img src=x onerror=alert(1)>-->',
  '<scr<!-- -->ipt>alert(1)</script>',
  '&lt;script&gt;',
  '[x](javascript:alert(1)) ![x](javascript:alert(1)) [y](data:text/html,<script>alert(1)</script>)',
  '<https://example.org/"onmouseover="alert(1)>',
];

describe('pages as HTML', () => {
  it('lets what our own Markdown holds work: folded text, places, tables, fences', () => {
    const markdown = [
      details('5 < 6 & more', fence('a\n```\n<b>')),
      '## <a id="p3"></a>Prompt',
      table(['a', 'b'], [['x \\| y', '`1`']]),
    ].join('\n\n');
    const html = body(markdown);
    expect(html).to.contain('<details><summary>5 &lt; 6 &amp; more</summary>').and.to.contain('</details>');
    expect(html).to.contain('<h2><a id="p3"></a>Prompt</h2>');
    expect(html).to.contain('<div class="scroll" tabindex="0"><table>').and.to.contain('<td>x | y</td>');
    expect(html).to.contain('a\n```\n&lt;b&gt;');
  });

  it('shows the code of a sentence as code, and all else in it literally', () => {
    const shown = (text: string): string => body(asSentence(text)).trim();
    expect(shown('Set `val_batches: -1` to *all* of `a_b`.')).to.equal(
      '<p>Set <code>val_batches: -1</code> to *all* of <code>a_b</code>.</p>',
    );
    expect(shown('a ` b'), 'one backtick').to.equal('<p>a ` b</p>');
    expect(shown('a `` b `` c ` ` d'), 'nothing inside').to.equal('<p>a `` b `` c ` ` d</p>');
    expect(shown('a\\`b` [x](y)'), 'a backslash before it').to.equal('<p>a\\<code>b</code> [x](y)</p>');
    expect(shown('- `a`'), 'what opens a list').to.equal('<p>- <code>a</code></p>');
  });

  for (const attack of attacks) {
    it(`shows ${attack.slice(0, 40)} as text, escaped by the page or not`, () => {
      for (const markdown of [
        asText(attack),
        asSentence(attack),
        asSentence(`\`${attack}\` ${attack} \``),
        attack,
        `before ${attack} after`,
        `- **${asText(attack)}**`,
        table([asText(attack)], [[asText(attack)]]),
        `# ${attack}`,
        fence(attack),
        details(attack, attack),
      ]) {
        const html = body(markdown);
        const tags = foreign(html).filter((tag) => !/^<\/?(?:details|summary|a)>$/.test(tag));
        const links = tags.filter((tag) => /^<a href="https:\/\/example\.org[^"<>]*" rel="noreferrer">$/.test(tag));
        expect(
          tags.filter((tag) => !links.includes(tag)),
          markdown,
        ).to.eql([]);
        expect(html.replaceAll(/<\/?[a-z][^<>]*>/gi, ''), `${markdown}: no tag is left open`).not.to.contain('<');
      }
    });
  }

  it('shows a hostile title in the title as text', () => {
    const page = htmlPage(`# 43a (${asText('</title><script>alert(1)</script>')})\n`);
    expect(page).to.contain('<title>43a (&lt;/title>&lt;script>alert(1)&lt;/script>)</title>');
    expect(page).not.to.contain('<script');
  });

  it('is called as its first heading, or phasebox', () => {
    expect(pageTitle('x\n\n# *a* `b` c\n\n# d')).to.equal('a b c');
    expect(pageTitle('no heading')).to.equal('phasebox');
  });

  it('leads from page to page, and leaves what is elsewhere', () => {
    const links = ['COMPARISON.md', '../COMPARISON.md#x', '43a/answers.md', 'runs.md', 'how.md#y', 'notes.md'];
    expect(links.map(pageLink)).to.eql([
      ...['report.html', '../report.html#x', '43a/answers.html', 'runs.html', 'how.html#y', 'notes.md'],
    ]);
    expect(pageLink('https://example.org/runs.md')).to.equal('https://example.org/runs.md');
    expect(pageLink('//example.org/runs.md')).to.equal('//example.org/runs.md');
  });

  it('holds its plots, side by side; other pictures are links, so that nothing is asked for', () => {
    const plots = new Map([
      ['plots/a.svg', '<svg>A</svg>\n'],
      ['plots/b.svg', '<svg>B</svg>\n'],
    ]);
    const html = htmlBody(
      '![first](plots/a.svg)\n\n![second](plots/b.svg)\n\n![cat](https://example.org/cat.png)\n',
      plots,
    );
    expect(html.match(/<div class="figures">/g)).to.have.lengthOf(1);
    expect(html).to.contain('<span class="caption">first</span><svg>A</svg></span></p>\n<p>');
    expect(html).to.contain('<a href="https://example.org/cat.png" rel="noreferrer">cat</a>');
    expect(html).not.to.contain('<img');
  });

  it('is one file: it names no other', async () => {
    const style = await pageStyle();
    const page = htmlPage('# x\n', { style });
    expect(page).not.to.match(/<(?:script|link rel="(?!icon))|@import|url\(|https?:/);
    expect(page).to.contain('prefers-color-scheme: dark').and.to.contain('width=device-width');
  });
});
