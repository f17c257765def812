import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';
import { expect } from 'chai';
import {
  call,
  type DataCase,
  fragments,
  good,
  type Message,
  type Row,
  reportsOf,
  says,
  talk,
  user,
} from '../helpers/data-reports.ts';
import { testPython } from '../helpers/real-stage.ts';

const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
const line = (more: string): string =>
  `{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}], "x": ${more}}`;
const roles = (role: unknown): Row => talk({ role, content: 'a' }, says('b'));
const system: Message = { role: 'system', content: 'be brief' };
const refusing = (test: string, refusal: string): string =>
  `{% for m in messages %}{% if ${test} %}{{ ${refusal} }}{% endif %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}` +
  '<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}';

/** Templates that add up texts, and that want the user and the assistant in turn; the second knows no system message. */
const adds =
  "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}" +
  '{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}';
const alternates =
  "{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}" +
  "{{ raise_exception('roles must alternate') }}{% endif %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}" +
  '<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}';

/** Rows that no training can use, each the last of six; what is said of line 6. */
const refused: Readonly<Record<string, readonly [Row, RegExp, string?]>> = {
  // Python 3.12 and later can read it: then it is a row like others
  'a thousand brackets': [line(nested(100_000)), /line 6: not JSON that Python can read: .*recursion/],
  'a number of 5,000 digits': [line('9'.repeat(5000)), /line 6: not JSON that Python can read: .*4300 digits/],
  'a role that is a list': [roles(['user']), /line 6: message 1 has the role \["user"\]/],
  'a role of another format': [roles('human'), /line 6: message 1 has the role human/],
  'a message that is null': [{ messages: [user, null] }, /line 6: message 2 must be an object/],
  'half of a surrogate pair': [talk(user, says('\ud83d')), /line 6: mlx_lm cannot tokenize the example/],
  'a template that fails for one row': [
    talk(user, says('four')),
    /line 6: mlx_lm cannot tokenize the example .*ZeroDivisionError/,
    refusing("m['content'] == 'four'", '1 / 0'),
  ],
  'a template that counts without end': [
    talk(user, says('four')),
    /line 6: mlx_lm cannot tokenize the example .*OverflowError/,
    refusing("m['content'] == 'four'", 'range(10 ** 12) | list'),
  ],
  'a system message that the template refuses': [
    talk(system, user, says('b')),
    /line 6: the chat template of the model refuses the system message \(TemplateError: no system turn here\).*`eval\.system: ""`/,
    refusing("m['role'] == 'system'", "raise_exception('no system turn here')"),
  ],
};

/** Rows that mlx_lm trains on, however odd they are. */
const taken: Readonly<Record<string, Row>> = {
  'a hundred brackets in another key': line(nested(100)),
  'as many brackets as Python can just read': line(nested(900)),
  'a number that is too large for a float': line('1e999'),
  'no number at all': line('NaN'),
  'fragments that are no text': talk({ role: 'user', content: [1, null, { type: 'image' }, 'x'] }, says('b')),
  'calls that are a text': talk(user, says('b', { tool_calls: 'none' })),
  'calls that are no objects': talk(user, says('b', { tool_calls: [null, 3, { function: null }] })),
  'names and arguments of any type': talk(user, says('b', { tool_calls: [{ function: { name: 7, arguments: [1] } }] })),
  'a thought that is a number': talk(user, says('b', { reasoning_content: 3 })),
  'an answer in nested fragments': talk(user, says([fragments('b')])),
  'the role function': talk(user, { role: 'function', name: 'f', content: '4' }, says('four')),
  'the role developer': talk({ role: 'developer', content: 'a' }, says('b')),
};

describe('one odd row is the problem of that row', () => {
  let reports: Awaited<ReturnType<typeof reportsOf>>;
  const [bad, odd] = [Object.entries(refused), Object.entries(taken)];
  const renamed = [{ question: '', answer: 'it is fine' }];
  const keys = ['--prompt-key', 'question', '--completion-key', 'answer'];
  const long = 'read a.py and '.repeat(40);
  const blind = [...good(15), ...[1, 2, 3].map(() => talk({ role: 'user', content: long }, says('b')))];
  const rest: DataCase[] = [
    { train: renamed, valid: renamed, argv: keys },
    { train: good(3), valid: blind, argv: ['--max-seq-length', '64', '--iters', '3', '--val-batches', '9'] },
    {
      train: good(3),
      valid: blind,
      argv: ['--max-seq-length', '64', '--iters', '3', '--val-batches', '1', '--steps-per-eval', '3'],
    },
  ];
  before(async () => {
    reports = await reportsOf([
      ...bad.map(([, [row, , template]]) => ({ train: [...good(5), row], template })),
      ...odd.map(([, row]) => ({ train: [...good(5), row], argv: ['--show', '6'] })),
      ...rest,
    ]);
  });
  const at = (index: number) => {
    const report = reports[index];
    if (report === undefined) throw new Error(`no report ${index}`);
    return { ...report, stops: report.stops.map(({ message }) => message) };
  };

  for (const [index, [name, [, pattern]]] of bad.entries()) {
    it(`${name}: refused, with its line`, () => {
      const { code, stops } = at(index);
      expect(code).to.equal(0);
      expect(stops).to.have.length(1);
      expect(stops[0])
        .to.match(pattern)
        .and.match(/^train\.jsonl, line 6: /);
    });
  }

  for (const [index, [name]] of odd.entries()) {
    it(`${name}: read, since mlx_lm trains on it`, () => {
      const { code, stops, profile, shown } = at(bad.length + index);
      expect([code, ...stops]).to.deep.equal([0]);
      expect(profile?.rows.train).to.equal(6);
      expect(shown).to.have.length(6);
      for (const { pieces } of shown) expect(pieces.filter(({ taught }) => taught)).to.have.length(1);
    });
  }

  it('the keys of a row have the names that the config gives them, and a prompt may be empty', () => {
    const { stops, profile } = at(bad.length + odd.length);
    expect(stops).to.deep.equal([]);
    expect(profile?.taught?.answers).to.include({ total: 1, prose: 1 });
  });

  it('a val loss that is likely to be NaN is refused, an unlikely one is warned of with its chance', () => {
    const [likely, unlikely] = [1, 2].map((more) => at(bad.length + odd.length + more));
    // 3 blind batches of 18: 9 of them are taken two times (iterations 1 and 3), then 1 of them
    expect(likely?.stops.join('\n')).to.match(
      /valid\.jsonl, lines 16, 17, 18: .* meets one with a probability of 99 %/,
    );
    expect(unlikely?.stops).to.deep.equal([]);
    expect(unlikely?.warnings.join('\n')).to.match(
      /valid\.jsonl, lines 16, 17, 18: .* meets one with a probability of 31 %/,
    );
  });
});

/** Files whose rows, one or two, no training can use; why. Each is read as `phasebox data FILE` reads it. */
const unusable: Readonly<Record<string, readonly [readonly Row[], RegExp, string?]>> = {
  'a thousand brackets': [[line(nested(100_000))], /line 1: not JSON that Python can read/],
  'a number of 5,000 digits': [[line('9'.repeat(5000))], /line 1: not JSON that Python can read/],
  'no JSON': [['not json'], /line 1: not JSON: /],
  'an empty file': [[], /line 1: (the file is )?empty/],
  'rows of ShareGPT': [
    [{ conversations: [{ from: 'human', value: 'a' }] }],
    /needs `messages`.*seen: conversations.*chat_feature/,
  ],
  'rows of a question and an answer': [[{ question: 'a', answer: 'b' }], /seen: question, answer\).*prompt_feature/],
  'a user alone': [[talk(user)], /line 1: the example has only one message, so there is no prompt to mask/],
  'content that is a list': [
    [talk({ role: 'user', content: fragments('a') }, says(fragments('b')))],
    /cannot print the content of messages 1, 2, which is a list \(TypeError: .*\); make it a text/,
    adds,
  ],
  'content that is null': [
    [talk(user, says(null, { tool_calls: [call({})] }))],
    /cannot print message 2 without `content` \(.*\); write a text as `content`, "" where there is none/,
    adds,
  ],
  'no content': [
    [talk(user, { role: 'assistant', tool_calls: [call({})] })],
    /cannot print message 2 without `content` \(UndefinedError: .*no attribute 'content'\); write a text/,
    adds,
  ],
  'a list and no content': [
    [talk({ role: 'user', content: fragments('a') }, says(null, { reasoning: 'b' }))],
    /the content of message 1, which is a list and cannot print message 2 .*; make it a text; write a text/,
    adds,
  ],
  'a list, after a system message that the template refuses': [
    [talk(system, { role: 'user', content: fragments('a') }, says('b'))],
    /the content of message 2, which is a list and refuses the system message .*; make it a text; put its/,
    alternates.replace("content'] }}", "content'] + '' }}"),
  ],
  'an answer that begins': [
    [talk(says('b'), user, says('b'))],
    /refuses an example that does not begin with the user \(TemplateError: roles must alternate\); begin the example/,
    alternates,
  ],
  'two messages of one role': [
    [talk(user, user, says('b'))],
    /refuses messages 1, 2, which follow .* \(TemplateError: roles must alternate\); make one message/,
    alternates,
  ],
  'a template that says no': [
    [talk(user, says('four'))],
    /line 1: mlx_lm cannot tokenize .*three turns at most; change the example as the template requires/,
    refusing("m['content'] == 'four'", "raise_exception('three turns at most')"),
  ],
  'half of a surrogate pair after a system message': [
    [talk(system, user, says('\ud83d'))],
    /line 1: mlx_lm cannot tokenize/,
  ],
};

describe('a file of which no row can be shown', () => {
  let reports: Awaited<ReturnType<typeof reportsOf>>;
  const cases = Object.entries(unusable);
  const argv = ['--show', '3', '--show-line', 'train.jsonl:1', '--text-unmasked'];
  const few = [...good(5), talk(user, says('long answer '.repeat(40)))];
  before(async () => {
    reports = await reportsOf([
      ...cases.map(([, [train, , template]]) => ({ train, template, argv, data: 'train.jsonl' })),
      { train: [{ text: 'one two' }, { text: 'three four' }], argv, data: 'train.jsonl' },
      { train: good(2), argv: ['--show', '2', '--max-seq-length', '8'], data: 'train.jsonl' },
      { train: [...good(1), talk(user, says('ok'), user)], argv, data: 'train.jsonl' },
      { train: few, argv: ['--max-seq-length', '100'] },
    ]);
  });
  const at = (index: number) => {
    const report = reports[index];
    if (report === undefined) throw new Error(`no report ${index}`);
    return { ...report, stops: report.stops.map(({ message }) => message) };
  };

  for (const [index, [name, [, pattern]]] of cases.entries()) {
    it(`${name}: the reason, not a stack`, () => {
      const { code, stops, shown } = at(index);
      expect(code).to.equal(0);
      expect(stops.join('\n')).to.match(pattern);
      expect(shown).to.deep.equal([]);
    });
  }

  it('text is shown without mask_prompt where the command alone asked for the mask', () => {
    const { stops, warnings, shown, profile } = at(cases.length);
    expect(stops).to.deep.equal([]);
    expect(warnings.join('\n')).to.match(/examples with `text` have no prompt to mask, so .* without mask_prompt/);
    expect(profile?.taught?.masked).to.equal(false);
    expect(shown.map(({ pieces }) => pieces.map(({ taught }) => taught))).to.deep.equal([[true], [true]]);
  });

  it('only the parts of a sum that are not 0 are said, and what share stops a training', () => {
    const [lost, half, cut] = [1, 2, 3].map((more) => at(cases.length + more));
    expect(lost?.warnings.join('\n')).to.match(/lines 1, 2: 2 answers are cut off entirely$/m);
    expect(half?.stops).to.deep.equal([]);
    expect(half?.warnings.join('\n')).to.match(
      /is not from the assistant.*; the run stops if more than half of the examples/,
    );
    expect(cut?.warnings.join('\n')).to.match(/line 6: 1 answer is cut off at the end$/m);
  });
});

describe('an exception of this program', () => {
  const code = `
import json, sys, types
import data_measure, data_part
data_measure.data_rows.messages_of = lambda row, kind, keys: row["messages"][7]
data_measure.Encoder = lambda *_: types.SimpleNamespace(prepare=lambda _: None, encode=lambda _: (([1], 0), None))
part = data_part.Part("train.jsonl", kind="chat", rows=[(3, {"messages": []})])
data_measure.measure(part, None, {}, types.SimpleNamespace(mask_prompt=True, max_seq_length=9))
print(json.dumps(part.wrong))`;

  it('is the problem of its row', () => {
    const cwd = resolve(import.meta.dirname, '../../python');
    const found = JSON.parse(execFileSync(testPython, ['-c', code], { cwd, encoding: 'utf8' }));
    expect(found.join()).to.match(/^train\.jsonl, line 3: .*IndexError/);
  });
});

describe('the chance to meet a batch of which nothing is taught', () => {
  const code = `
import json
from math import comb
from data_chance import evaluations, meets
exact = lambda batches, blind, taken: 1 - comb(batches - blind, taken) / comb(batches, taken)
print(json.dumps({
    "user": [meets(1159, 147, 800), meets(123, 16, 25)],
    "exact": [abs(meets(n, k, t) - exact(n, k, t)) for n in (1, 2, 7, 123) for k in range(n + 1) for t in range(n + 1)],
    "edges": [meets(5, 0, 5), meets(5, 1, 5), meets(5, 1, 0), meets(0, 0, 3), meets(5, 5, 1), meets(5, 1, 9)],
    "times": [meets(10, 1, 1, 3), meets(10, 1, 1, 0)],
    "evaluations": [evaluations(800, 200), evaluations(850, 200), evaluations(1, 200), evaluations(200, 200), evaluations(0, 5)],
}))`;

  it('is that of drawing without putting back, again for each val loss', () => {
    const cwd = resolve(import.meta.dirname, '../../python');
    const found = JSON.parse(execFileSync(testPython, ['-c', code], { cwd, encoding: 'utf8' }));
    // phase33 at 512 tokens: 147 of 1,159 rows, 800 looked at; 16 of 123 rows, 25 looked at
    expect(found.user[0]).to.equal(1);
    expect(found.user[1]).to.be.within(0.97, 0.99);
    expect(Math.max(...found.exact)).to.be.lessThan(1e-12);
    expect(found.edges).to.deep.equal([0, 1, 0, 0, 1, 1]);
    expect(found.times[0]).to.be.closeTo(1 - 0.9 ** 3, 1e-12);
    expect(found.times[1]).to.equal(0);
    expect(found.evaluations).to.deep.equal([5, 6, 1, 2, 0]);
  });
});
