import { expect } from 'chai';
import { seenText } from '../../../src/core/config/problem.ts';
import { readSuite } from '../../../src/core/config/read-suite.ts';
import { readYaml } from '../../../src/core/config/read-yaml.ts';

function faults(bytes: string | Uint8Array): string[] {
  const yaml = readYaml(bytes, 'a.yaml');
  return yaml.ok
    ? []
    : yaml.problems.map(({ line, message, seen }) => `${line}: ${message}${seen === null ? '' : ` (${seen})`}`);
}

const lol = Array.from(
  { length: 12 },
  (_, n) =>
    `a${n}: &a${n} [${Array(9)
      .fill(n === 0 ? '"lol"' : `*a${n - 1}`)
      .join(', ')}]`,
);

describe('readYaml', () => {
  const table: readonly (readonly [string, string | Uint8Array, readonly (string | RegExp)[]])[] = [
    ['unreadable YAML', 'phase: 43a\ntrain: [1,\nmodel: x\n', [/^\d: this is no YAML: /]],
    ['an open quote', 'phase: "43a\n', ['2: this is no YAML: Missing closing "quote']],
    ['a tab', 'a:\n\tb: 1\n', [/^2: this is no YAML: Tabs are not allowed as indentation/]],
    ['a duplicate key', 'phase: 1\nx: 2\nphase: 3\n', ['3: the key phase is there twice; allowed: once']],
    ['a duplicate key in JSON', '{"a": 1,\n "a": 2}', ['2: the key a is there twice; allowed: once']],
    ['a duplicate key further down', 'a:\n  b: 1\n  b: 2\n', ['3: the key b is there twice; allowed: once']],
    ['two documents', 'a: 1\n---\nb: 2\n', ['2: a second document starts here; allowed: one a file']],
    ['nothing', '', ['null: the file is empty; allowed: a mapping (`key: value` lines)']],
    ['only a comment', '# x\n', ['null: the file is empty; allowed: a mapping (`key: value` lines)']],
    ['only null', 'null', ['null: the file is empty; allowed: a mapping (`key: value` lines)']],
    ['a list', '- 1\n', ['1: the file holds no mapping; allowed: `key: value` lines ([1])']],
    ['a text', 'hello', ['1: the file holds no mapping; allowed: `key: value` lines ("hello")']],
    ['aliases that explode', lol.join('\n'), [/aliases that explode; allowed: at most 100/]],
    [
      'many aliases',
      `a: &a 1\nb: [${Array(500).fill('*a').join(', ')}]\n`,
      ['2: aliases that explode; allowed: at most 100'],
    ],
    ['an alias of itself', 'a: &a\n  b: *a\n', ['2: the alias *a is inside what it stands for']],
    ['an alias of nothing', 'a: 1\nb: *x\n', ['2: the alias *x has no anchor &x before it']],
    ['deep nesting', `a: ${'['.repeat(200)}${']'.repeat(200)}`, ['1: nested too deep; allowed: 40 levels']],
    ['very deep nesting', `a: ${'['.repeat(100_000)}`, ['1: nested too deep; allowed: 40 levels']],
    ['a ladder of lists', '- '.repeat(100_000), ['1: nested too deep; allowed: 40 levels']],
    ['a tag', 'a: !!binary aGk=\n', ['1: the tag tag:yaml.org,2002:binary is not known; allowed: plain values']],
    [
      'a tag on a mapping',
      'a: !!set { x }\n',
      ['1: the tag tag:yaml.org,2002:set is not known; allowed: plain values'],
    ],
    ['a key that is a list', '? [a]\n: 1\n', ['1: a key that is no word; allowed: `key: value`']],
    ['YAML 1.1', '%YAML 1.1\n---\na: no\n', ['1: YAML 1.1; allowed: YAML 1.2']],
    ['2 MB', `a: ${'x'.repeat(2 ** 21)}`, ['null: the file is too large: 2097155 bytes; allowed: 1 MB']],
    ['binary', Buffer.from('a: b\0c'), ['null: the file is binary; allowed: YAML or JSON text']],
    [
      'a picture',
      Buffer.from('89504e470d0a1a0a', 'hex'),
      ['null: the file is not UTF-8 text; allowed: YAML or JSON in UTF-8'],
    ],
    [
      'UTF-16',
      Buffer.from('\uFEFFa: 1', 'utf16le'),
      ['null: the file is not UTF-8 text; allowed: YAML or JSON in UTF-8'],
    ],
  ];
  for (const [name, input, expected] of table) {
    it(`refuses ${name}`, () => {
      const bytes = typeof input === 'string' ? Buffer.from(input) : input;
      const found = faults(bytes);
      expect(found).to.have.lengthOf(expected.length);
      for (const [index, one] of expected.entries()) {
        if (typeof one === 'string') expect(found[index]).to.equal(one);
        else expect(found[index]).to.match(one);
      }
    });
  }

  it('finds the line of every part, also in flow style and behind an alias', () => {
    const yaml = readYaml('a: 1\nb:\n  - c\n  - { d: 2,\n      e: 3 }\nf: &f\n  g: 4\nh: *f\n', 'a.yaml');
    if (!yaml.ok) throw new Error('not read');
    const lines = [['a'], ['b', 1], ['b', 1, 'e'], ['b', 7], ['f', 'g'], ['h', 'g'], ['x', 'y']].map((path) =>
      yaml.source.find(path),
    );
    expect(lines).to.deep.equal([
      { depth: 1, line: 1 },
      { depth: 2, line: 4 },
      { depth: 3, line: 5 },
      { depth: 1, line: 2 },
      { depth: 2, line: 7 },
      { depth: 2, line: 7 },
      { depth: 0, line: null },
    ]);
  });

  it('shows long values short', () => {
    expect(seenText('x'.repeat(1000))).to.have.lengthOf.below(100);
    expect(seenText(Number.NaN)).to.equal('NaN');
  });
});

describe('readSuite', () => {
  it('fills in the defaults', () => {
    const read = readSuite('suite: s\nprompts: [{ id: a, category: git, prompt: p, expect: [x] }]\n', 's.yaml');
    expect(read).to.deep.equal({
      suite: {
        suite: 's',
        wrapper: 'execute_code',
        prompts: [{ id: 'a', category: 'git', prompt: 'p', expect: ['x'], match: 'any' }],
      },
    });
  });

  it('tells all that is wrong, with lines', () => {
    const text = `suite: s
systm: x
prompts:
  - { id: a, category: git, prompt: p, expect: [] }
  - { id: b, category: base, prompt: p, expect: [x], match: some }
  - { id: 3, category: a-b, prompt: "", expect: x }
`;
    const read = readSuite(text, 's.yaml');
    expect(
      'problems' in read && read.problems.map(({ line, path, message }) => `${line} ${path}: ${message}`),
    ).to.deep.equal([
      '2 systm: unknown key; did you mean "system"? Allowed here: suite, system, wrapper, tools, scorer, prompts',
      '4 prompts[0].expect: allowed: a list of at least 1',
      '5 prompts[1].category: this name has a meaning of its own in `gate`',
      '5 prompts[1].match: allowed: any, all',
      '6 prompts[2].id: text is expected',
      '6 prompts[2].category: allowed: a category is a name in small letters, digits and _ (it is a variable in `gate`)',
      '6 prompts[2].prompt: must not be empty',
      '6 prompts[2].expect: a list is expected',
    ]);
  });

  it('refuses two prompts with one id, at the second', () => {
    const one = '  - { id: a, category: git, prompt: p, expect: [x] }\n';
    const read = readSuite(`suite: s\nprompts:\n${one}${one}`, 's.yaml');
    expect('problems' in read && read.problems).to.deep.equal([
      { file: 's.yaml', line: 4, path: 'prompts[1].id', seen: '"a"', message: 'two prompts have this id', hint: null },
    ]);
  });
});
