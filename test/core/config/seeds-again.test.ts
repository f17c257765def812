import { expect } from 'chai';
import { parse } from 'yaml';
import { seedsAgain, withSeeds } from '../../../src/core/config/seeds-again.ts';

describe('submit --again', () => {
  it('runs every seed of the file once more, beyond those accepted', () => {
    expect(seedsAgain([0], [0])).to.deep.equal([0, 0]);
    expect(seedsAgain([0, 1, 2], [0, 1, 2])).to.deep.equal([0, 1, 2, 0, 1, 2]);
    expect(seedsAgain([0], [0, 0])).to.deep.equal([0, 0, 0]);
    expect(seedsAgain([0, 1], [0])).to.deep.equal([0, 1, 0, 1]);
    expect(seedsAgain([5], null)).to.deep.equal([5, 5]);
  });

  const edits: Record<string, [string, number[], string]> = {
    'a number': [
      'phase: a\nseeds: 3 # three\nx: 1\n',
      [0, 1, 2, 0, 1, 2],
      'phase: a\nseeds: [0, 1, 2, 0, 1, 2] # three\nx: 1\n',
    ],
    'no seeds': ['phase: a\n# c\ntrain:\n    a: 1', [0, 0], 'phase: a\n# c\ntrain:\n    a: 1\nseeds: [0, 0]\n'],
    'a list': ['seeds: [ 0,1, ] # c\nx:   1\n', [0, 1, 0, 1], 'seeds: [ 0,1, 0, 1, ] # c\nx:   1\n'],
    'a list in lines': [
      'seeds:\n  - 0 # a\n  # b\n  - 1 # c\nx: 1\n',
      [0, 1, 0, 1],
      'seeds:\n  - 0 # a\n  # b\n  - 1 # c\n  - 0\n  - 1\nx: 1\n',
    ],
    'lines at the end': ['x: 1\nseeds:\n- 0', [0, 0], 'x: 1\nseeds:\n- 0\n- 0\n'],
    'Windows line ends': ['phase: a\r\nx: 1\r\n', [0, 0], 'phase: a\r\nx: 1\r\nseeds: [0, 0]\r\n'],
    JSON: ['{"phase": "a",\n  "seeds": 1}\n', [0, 0], '{"phase": "a",\n  "seeds": [0, 0]}\n'],
    'JSON without seeds': ['{"phase": "a"}\n', [0, 0], '{ "seeds": [0, 0],"phase": "a"}\n'],
    'an empty value': ['seeds:\nx: 1\n', [0, 0], 'seeds: [0, 0]\nx: 1\n'],
    'a text to the end': ['a: |+\n  t\n\n', [0, 0], 'a: |+\n  t\n\nseeds: [0, 0]\n'],
    'an end of document': ['a: 1\n...\n', [0, 0], 'a: 1\nseeds: [0, 0]\n...\n'],
  };
  for (const [what, [text, seeds, expected]] of Object.entries(edits)) {
    it(`keeps every other byte: ${what}`, () => {
      expect(withSeeds(text, seeds)).to.equal(expected);
    });
  }

  it('finds another way when the text cannot be edited in place', () => {
    const edited = withSeeds('x: &list\n  - 0\n  - 0\nseeds: *list # c\n', [0, 0, 0]);
    expect(parse(edited ?? '')).to.deep.equal({ x: [0, 0], seeds: [0, 0, 0] });
    expect(edited).to.contain('# c');
  });

  it('returns null when the seeds are repeated elsewhere, or when it is no mapping', () => {
    expect(withSeeds('seeds: &s 3\nx: *s\n', [0, 1, 2, 0, 1, 2])).to.equal(null);
    expect(withSeeds('- 1\n', [0, 0])).to.equal(null);
    expect(withSeeds('a: [1\n', [0, 0])).to.equal(null);
  });
});
