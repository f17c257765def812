import { expect } from 'chai';
import { formatProblems, locate, seenText } from '../../../src/core/config/problem.ts';
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
    ['unreadable YAML', 'phase: 43a\ntrain: [1,\nmodel: x\n', [/^\d: not valid YAML: /]],
    ['an open quote', 'phase: "43a\n', ['2: not valid YAML: Missing closing "quote']],
    ['a tab', 'a:\n\tb: 1\n', [/^2: not valid YAML: Tabs are not allowed as indentation/]],
    ['a duplicate key', 'phase: 1\nx: 2\nphase: 3\n', ['3: the key phase occurs twice; allowed: once']],
    ['a duplicate key in JSON', '{"a": 1,\n "a": 2}', ['2: the key a occurs twice; allowed: once']],
    ['a duplicate key further down', 'a:\n  b: 1\n  b: 2\n', ['3: the key b occurs twice; allowed: once']],
    ['two documents', 'a: 1\n---\nb: 2\n', ['2: a second document starts here; allowed: one a file']],
    ['nothing', '', ['null: the file is empty; allowed: a mapping (`key: value` lines)']],
    ['only a comment', '# x\n', ['null: the file is empty; allowed: a mapping (`key: value` lines)']],
    ['only null', 'null', ['null: the file is empty; allowed: a mapping (`key: value` lines)']],
    ['a list', '- 1\n', ['1: the file is not a mapping; allowed: `key: value` lines ([1])']],
    ['a text', 'hello', ['1: the file is not a mapping; allowed: `key: value` lines ("hello")']],
    ['aliases that explode', lol.join('\n'), [/aliases that expand to too much; allowed: at most 100/]],
    [
      'many aliases',
      `a: &a 1\nb: [${Array(500).fill('*a').join(', ')}]\n`,
      ['2: aliases that expand to too much; allowed: at most 100'],
    ],
    ['an alias of itself', 'a: &a\n  b: *a\n', ['2: the alias *a is inside of its own anchor']],
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
    ['a key that is a list', '? [a]\n: 1\n', ['1: a key that is not a word; allowed: `key: value`']],
    ['YAML 1.1', '%YAML 1.1\n---\na: no\n', ['1: YAML 1.1; allowed: YAML 1.2']],
    ['2 MB', `a: ${'x'.repeat(2 ** 21)}`, ['null: the file is too large: 2097155 bytes; allowed: 1 MB']],
    [
      'an escape in a value',
      'a: 1\nb: x\u001by\n',
      ['2: this text holds the control character U+001B; allowed: text, tabs and line breaks'],
    ],
    [
      'one in a block',
      'a: |\n  one\n  two\u009b\n',
      ['3: this text holds the control character U+009B; allowed: text, tabs and line breaks'],
    ],
    [
      'a NUL by its escape',
      'env:\n  A: "\\0"\n',
      ['2: this text holds the control character U+0000; allowed: text, tabs and line breaks'],
    ],
    [
      'a NUL in JSON',
      '{"preflight":\n[["a\\u0000b"]]}',
      ['2: this text holds the control character U+0000; allowed: text, tabs and line breaks'],
    ],
    [
      'a carriage return alone',
      'a: "x\\ry"\n',
      ['1: this text holds the control character U+000D; allowed: text, tabs and line breaks'],
    ],
    [
      'half a character',
      'a: "\\ud83d"\n',
      ['1: this text holds the control character U+D83D; allowed: text, tabs and line breaks'],
    ],
    [
      'a line break in a key',
      'a: 1\n"b\\nc": 2\n',
      ['2: a key holds the control character U+000A; allowed: keys on one line, without control characters'],
    ],
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

  it('accepts what people write: tabs, line breaks of either kind, any script, joined emoji', () => {
    const text = 'a: "x\\ty\\r\\nz"\r\nb: |\r\n  one\ttwo\r\n  漢字 é 👩\u200d👩\u200d👧 \u00a0\u200b\r\n"ключ": 1\r\n';
    const yaml = readYaml(Buffer.from(text), 'a.yaml');
    expect(yaml.ok && yaml.source.value).to.eql({
      a: 'x\ty\r\nz',
      b: 'one\ttwo\n漢字 é 👩\u200d👩\u200d👧 \u00a0\u200b\n',
      ключ: 1,
    });
  });

  const hints: readonly (readonly [string, string, string])[] = [
    ['a Markdown fence', '```yaml\nphase: 43a\nmodel: m\n```\n', '1: this is a Markdown fence'],
    ['only the end of a fence', 'phase: 43a\n~~~\n', '2: this is a Markdown fence'],
    ['a tab', 'train:\n\titers: 1\n', '2: a tab indents this line: YAML takes spaces only'],
    ['a tab behind spaces', 'train:\n  a: 1\n  \tb: 2\n', '3: a tab indents this line'],
    ['a non-breaking space', 'train:\n  iters:\u00a0800\n  b: 1\n', '2: there is a non-breaking space (\\xa0) in this'],
    ['a narrow one', 'phase:\u202f43a\nmodel: m\n', '1: there is an unusual space (\\u202f) in this line'],
    [
      'a text with a colon',
      'title: Coder: 2nd\n',
      '1: text with a colon and a space in it needs quotes: `title: "Coder: 2nd"`',
    ],
    [
      'a list item with a colon',
      'x:\n  - a: b: c\n',
      '2: text with a colon and a space in it needs quotes: `a: "b: c"`',
    ],
    ['a line that is indented too far', 'train:\n  a: 1\n   b: 2\n', '2: the line below is indented further'],
    ['no space in the first line', 'phase:43a\nmodel: m\n', '1: write a space after the colon: `phase: 43a`'],
    ['no space in the last line', 'phase: a\nmodel:m\n', '2: write a space after the colon: `model: m`'],
    ['no space in the only line', 'phase:43a', '1: write a space after the colon: `phase: 43a`'],
    ['a bracket that is not indented', 'a: { b: [\n  1\n] }\n', '3: close it with ], and indent that'],
    ['a bracket that is never closed', 'a: { b: 1\nc: 2\n', '2: close it with }, and indent that'],
    ['a sign that cannot begin a text', 'data: @rows\n', '1: text that begins with @ needs quotes'],
  ];
  for (const [what, text, expected] of hints) {
    it(`says what to type instead of ${what}`, () => {
      const yaml = readYaml(text, 'a.yaml');
      expect(yaml.ok || `${yaml.problems[0]?.line}: ${yaml.problems[0]?.hint}`).to.satisfy((told: unknown) =>
        String(told).startsWith(expected),
      );
    });
  }

  it('prints no control character of a key, a value, a file name or an anchor', () => {
    const told = [
      readYaml('"\\e[31mphase": 1\n"\\e[31mphase": 2\n', 'a\u001b[2J\n.yaml'),
      readYaml('a: *x\u009b\n', 'a.yaml'),
      readYaml('"a\\e"', 'a.yaml'),
    ].map((yaml) => (yaml.ok ? 'accepted' : formatProblems('b\u0007.yaml', yaml.problems)));
    const text = told.join('').replaceAll('\n', '');
    expect(text).to.not.match(/\p{Cc}/u);
    expect(text).to.contain('\\x1b[2J\\n.yaml:2: the key \\x1b[31mphase');
    const source = { file: 'a.yaml', find: () => ({ depth: 0, line: 1 }) };
    const [problem] = locate([{ path: ['a\u009b\u202e'], seen: '\u007f\u00a0', message: 'x\u001b' }], [source]);
    expect(problem).to.include({ path: 'a\\x9b\\u202e', seen: '"\\x7f\\xa0"', message: 'x\\x1b' });
  });

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
      '6 prompts[2].category: allowed: a category is a name in lowercase letters, digits and _ (it is a variable in `gate`)',
      '6 prompts[2].prompt: must not be empty',
      '6 prompts[2].expect: a list is expected',
    ]);
  });

  it('tells of ids, patterns and JSON Schemas together with what is wrong with the form', () => {
    const text = `suite: s
systm: x
prompts:
  - { id: a, category: git, prompt: p, expect: [] }
  - { id: a, category: git, prompt: p, assert: [{ type: regex, value: "(" }, { type: is-json, value: { type: 3 } }] }
  - { id: a, category: git, prompt: p, assert: [{ type: regex, value: "[" }, { typ: equals }], max_tokens:900 }
  - { id: d, category: git, prompt: p, expect: [x], assert: [{ type: equals, value: x }] }
`;
    const read = readSuite(text, 's.yaml');
    const told =
      'problems' in read ? read.problems.map(({ line, path, message }) => `${line} ${path}: ${message}`) : [];
    expect(told.map((line) => line.replace(/(required: equals),.*/, '$1'))).to.eql([
      '2 systm: unknown key; did you mean "system"? Allowed here: suite, system, wrapper, tools, scorer, prompts',
      '4 prompts[0].expect: allowed: a list of at least 1',
      '5 prompts[1].assert[0].value: Invalid regular expression: /(/: Unterminated group',
      '5 prompts[1].id: two prompts have this id',
      '5 prompts[1].assert[1].value: not a valid JSON Schema: schema is invalid: data/type must be equal to one of the allowed values, data/type must be array, data/type must match a schema in anyOf',
      '6 prompts[2].max_tokens:900: unknown key',
      '6 prompts[2].assert[1].typ: unknown key; did you mean "type"? Allowed here: type, value, weight',
      '6 prompts[2].assert[0].value: Invalid regular expression: /[/: Unterminated character class',
      '6 prompts[2].assert[1].type: required: equals',
      '6 prompts[2].id: two prompts have this id',
      '7 prompts[3].assert: `expect` and `assert` exclude each other: each of them alone makes the score',
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
