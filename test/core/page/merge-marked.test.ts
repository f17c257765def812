import { expect } from 'chai';
import fc from 'fast-check';
import { beginMark, endMark, mergeMarked } from '../../../src/core/page/merge-marked.ts';

const page = (before: string, body: string, after: string) => `${before}${beginMark}\n${body}\n${endMark}${after}`;

describe('mergeMarked', () => {
  it('makes a page with a place for the reader below', () => {
    const made = mergeMarked(null, '# Title\n');
    expect(made).to.equal(
      `${beginMark}\n# Title\n${endMark}\n\n<!-- Add your notes below this line. phasebox never changes them. -->\n`,
    );
    expect(mergeMarked('', '# Title\n')).to.equal(made);
  });

  it('replaces what lies between the marks and nothing else', () => {
    expect(mergeMarked(page('mine\n', 'old', '\nyours'), 'new')).to.equal(page('mine\n', 'new', '\nyours'));
  });

  for (const [name, before, after] of [
    ['CRLF', 'a\r\nb\r\n', '\r\nc\r\n'],
    ['a byte order mark', '\uFEFF', '\n'],
    ['no newline at the end', '', '\n- my note'],
    ['trailing blanks', '  \n\t\n', '   \n\n\n'],
    ['indented marks', 'x\n  ', '  \nmine'],
    ['bytes that are no UTF-8, read as latin1', '\u00ff\u00fe\u0080\n', '\n\u00c3\u0028'],
  ] as const)
    it(`keeps ${name}`, () => {
      const merged = mergeMarked(page(before, 'old\r\nold', after), 'new');
      expect(merged).to.equal(page(before, 'new', after));
      expect(mergeMarked(merged, 'new')).to.equal(merged);
    });

  it('continues below, with a note, when the marks were edited away, and finds its part the next time', () => {
    for (const text of [
      'my text',
      'my text\n',
      `${beginMark}\nold\nmy text`,
      `my text\n${endMark}\n`,
      `see ${beginMark} and ${endMark} here\n`,
    ]) {
      const merged = mergeMarked(text, 'new');
      expect(merged.startsWith(text)).to.equal(true);
      expect(merged).to.contain('were not found').and.to.contain(`${beginMark}\nnew\n${endMark}`);
      expect(mergeMarked(merged, 'newer')).to.equal(merged.replace('\nnew\n', '\nnewer\n'));
    }
  });

  it('takes the first of two pairs and keeps the second', () => {
    const two = `${page('a\n', 'one', '\n')}b\n${page('', 'two', '\nc')}`;
    expect(mergeMarked(two, 'new')).to.equal(`${page('a\n', 'new', '\n')}b\n${page('', 'two', '\nc')}`);
  });

  it('is not ended by a mark inside what is rendered', () => {
    const merged = mergeMarked(null, `log:\n${endMark}\n${beginMark}\nrest`);
    expect(mergeMarked(merged, 'new')).to.equal(mergeMarked(null, 'new'));
  });

  it('reads $ as $', () => expect(mergeMarked(page('', 'old', ''), '$& $1 $$')).to.equal(page('', '$& $1 $$', '')));

  it('never changes a character outside, whatever stands there', () => {
    const piece = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom(
        '\n',
        '\r\n',
        beginMark,
        endMark,
        `\n${endMark}\n`,
        `\n${beginMark}\n`,
        '<!-- phasebox:',
        '\uFEFF',
        ' ',
        '$&',
      ),
    );
    const text = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''));
    const plain = text.map((value) => value.replaceAll('phasebox:', 'phasebox '));
    fc.assert(
      fc.property(plain, plain, text, (before, after, body) => {
        const merged = mergeMarked(page(`${before}\n`, 'old', `\n${after}`), body);
        expect(merged.startsWith(`${before}\n${beginMark}\n`)).to.equal(true);
        expect(merged.endsWith(`\n${endMark}\n${after}`)).to.equal(true);
      }),
      { numRuns: 100 },
    );
    fc.assert(
      fc.property(text, fc.array(text, { minLength: 1, maxLength: 4 }), (existing, bodies) => {
        // Whatever a person wrote in a file without a pair, every later render keeps it as a prefix.
        const first = mergeMarked(existing, 'first');
        const outside = first.split(`${beginMark}\nfirst\n${endMark}`);
        const last = bodies.reduce((page, body) => mergeMarked(page, body), first);
        expect(last.startsWith(outside[0] ?? '')).to.equal(true);
        expect(last.endsWith(outside[1] ?? '')).to.equal(true);
      }),
      { numRuns: 100 },
    );
  });
});
