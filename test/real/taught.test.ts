import { execFile } from 'node:child_process';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { z } from 'zod';
import {
  call,
  type DataCase,
  fragments,
  good,
  type Row,
  reportsOf,
  says,
  talk,
  user,
} from '../helpers/data-reports.ts';
import { demoBase, testPython } from '../helpers/real-stage.ts';

const env = { ...process.env, MLX_DISABLE_COMPILE: '1', HF_HUB_OFFLINE: '1', PYTHONDONTWRITEBYTECODE: '1' };
const fixtures = resolve(import.meta.dirname, '../fixtures/taught');

const opensThought =
  "{% for m in messages %}{% if m.role == 'assistant' %}<|im_start|>assistant\n{{ m.content.split('</think>')[-1] }}" +
  '<|im_end|>\n{% else %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endif %}{% endfor %}' +
  '{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n{% endif %}';
/** Prints calls as JSON, and no text of a message that has calls. */
const printsCalls =
  "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{% for c in m['tool_calls'] or [] %}" +
  `{"name": "{{ c['function']['name'] }}", "arguments": {{ c['function']['arguments'] | tojson }}}` +
  "{% else %}{{ m['content'] }}{% endfor %}<|im_end|>\n{% endfor %}" +
  '{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}';
const start = "<|im_start|>{{ m['role'] }}\n";
const opens = '{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}';
const chatml = (content: string): string => `{% for m in messages %}${start}${content}<|im_end|>\n{% endfor %}${opens}`;
/** The system message is the beginning of the user's, as in Gemma's. */
const merges =
  "{% if messages[0]['role'] == 'system' %}{% set first = messages[0]['content'] + '\n\n' %}{% set rest = messages[1:] %}" +
  "{% else %}{% set first = '' %}{% set rest = messages %}{% endif %}{% for m in rest %}" +
  `${start}{{ first if loop.first else '' }}{{ m['content'] }}<|im_end|>\n{% endfor %}${opens}`;

/** Shapes of which something else than the answer is taught: a whole file of them is refused, one row of many is not. */
const stopped: Readonly<Record<string, readonly [Row, RegExp, string?]>> = {
  'ends with the user': [
    talk(user, says('ok'), { role: 'user', content: 'thanks, bye now' }),
    /is not from the assistant.* trains on ".*thanks, bye now/,
  ],
  'ends with a tool': [
    talk(user, says('ok'), { role: 'tool', content: 'ok ok ok' }),
    /is not from the assistant.*ok ok ok/,
  ],
  'ends with a function': [talk(user, { role: 'function', content: 'four' }), /is not from the assistant.*four/],
  'an empty answer': [talk(user, says('')), /the answer is empty, so only the end of the turn is trained on/],
  'an answer of spaces': [talk(user, says(' \n ')), /the answer is empty/],
  'an answer without a fragment': [talk(user, says([])), /the answer is empty/],
  'an empty completion': [talk(user, says('', { tool_calls: [] })), /the answer is empty/],
  'calls that the template does not print': [
    talk(user, says(null, { tool_calls: [call({ path: 'a.py' })] })),
    /does not print the calls of `tool_calls`/,
  ],
  'a call of the old kind': [
    talk(user, says('', { function_call: { name: 'read_file', arguments: '{}' } })),
    /does not print the calls/,
  ],
  'calls without their arguments': [
    talk(user, says(null, { tool_calls: [call({ path: 'loader.py' })] })),
    /does not print the calls/,
    chatml("{{ m['content'] or '' }}{% for c in m['tool_calls'] or [] %}{{ c['function']['name'] }}{% endfor %}"),
  ],
  'a list that is printed as Python code': [
    talk(user, says(fragments('it is fine'))),
    /the content of the answer is a list, .* Python code.*\[\{'type': 'text'/,
  ],
  'an answer that the template opens with a thought': [
    talk(user, says('hello there')),
    /the mask covers the first tokens of the answer/,
    opensThought,
  ],
  'an answer that the template rewrites': [
    talk(user, says('hello there')),
    /does not print the answer as the example has it/,
    chatml("{{ m['content'] | upper }}"),
  ],
  'an answer that the template cuts': [
    talk(user, says('first line\nsecond line')),
    /does not print the answer as the example has it/,
    chatml("{{ m['content'].split('\\n')[0] }}"),
  ],
};

/** What is warned of, however many rows have it. */
const warned: Readonly<Record<string, readonly [Row, RegExp, string?]>> = {
  'thoughts in the text': [
    talk(user, says('<think>\nlet me see\n</think>\n\nhello there')),
    /does not print the thoughts of the answer/,
    chatml("{{ m['content'].split('</think>')[-1] }}"),
  ],
  'thoughts of their own': [talk(user, says('ok', { reasoning_content: 'let me see' })), /does not print the thoughts/],
  'thoughts alone': [
    talk(user, says(null, { reasoning_content: 'hm', tool_calls: [] })),
    /the answer is thoughts alone, .* nothing of it is trained on/,
  ],
  'text together with a call': [
    talk(user, says('I look at it', { tool_calls: [call({ path: 'a.py' })] })),
    /does not print the text of an answer that has calls/,
    printsCalls,
  ],
  'arguments that are quoted twice': [
    talk(user, says(null, { tool_calls: [call('{"path": "a.py"}')] })),
    /JSON as text, and the chat template quotes them again/,
    printsCalls,
  ],
  'whitespace that the template changes': [
    talk(user, says('for x in y:\n    print(x)')),
    /changes the whitespace inside the answer/,
    chatml("{{ m['content'].split() | join(' ') }}"),
  ],
  'characters that the tokenizer does not know': [talk(user, says('größer ✓')), /does not know ß, ö, ✓, so/],
  'a system message without a turn': [
    talk({ role: 'system', content: 'be brief' }, user, says('ok')),
    /no system turn: it prints the system message as the beginning of the user's/,
    merges,
  ],
  'a tool result that is not printed': [
    talk(user, says('wait'), { role: 'tool', content: 'forty two' }, says('it is done')),
    /does not print the whole tool message/,
    chatml("{{ m['content'] if m['role'] != 'tool' else '' }}"),
  ],
  'an earlier call that is not printed': [
    talk(
      user,
      says(null, { tool_calls: [call({ path: 'a.py' })] }),
      { role: 'tool', content: 'x = 1' },
      says('it sets x'),
    ),
    /does not print the whole assistant message/,
  ],
  'a user message printed as Python code': [
    talk({ role: 'user', content: fragments('hi') }, says('yo')),
    /the content of the user message is a list/,
  ],
  'a text that is an object': [
    talk({ role: 'user', content: [{ type: 'text', text: { value: 'hi' } }] }, says('yo')),
    /the content of the user message is a list/,
  ],
  'tools that the template does not print': [
    { messages: [user, says('ok')], tools: [{ type: 'function', function: { name: 'read_file' } }] },
    /does not print the `tools` of the example/,
  ],
  'a first letter in one token with the prompt': [
    talk(user, says('fine then')),
    /the first characters of the answer and the last ones of the prompt are one token/,
    "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}<|im_end|>\n{% endfor %}" +
      '{% if add_generation_prompt %}assistant: {% endif %}',
  ],
  'the role developer': [
    talk({ role: 'developer', content: 'be brief' }, user, says('ok')),
    /the role developer is not named in the chat template/,
  ],
  'a role of the own template': [talk({ role: 'critic', content: 'no' }, says('ok')), /the role critic is not named/],
};

/** Rows that are taught as they are: nothing is said of them. */
const right: Readonly<Record<string, readonly [Row, string?]>> = {
  'an answer in spaces': [talk(user, says('\n  fine \n'))],
  'a short answer': [talk(user, says('end'))],
  'an empty prompt': [talk({ role: 'user', content: '' }, says('yes'))],
  'a list that the template reads': [
    talk(user, says(fragments('it is ', 'fine'))),
    chatml(
      "{% if m['content'] is string %}{{ m['content'] }}{% else %}{% for f in m['content'] %}{{ f['text'] }}{% endfor %}{% endif %}",
    ),
  ],
  'thoughts that the prompt opens': [
    talk(user, says('<think>\nlet me see\n</think>\nhello')),
    `${chatml("{{ m['content'] }}").slice(0, -'{% endif %}'.length)}<think>\n{% endif %}`,
  ],
  'thoughts of an earlier answer, which the template drops': [
    talk(user, says('<think>hm</think>first'), user, says('second')),
    chatml("{{ m['content'].split('</think>')[-1] }}"),
  ],
  'an empty thought before each answer': [
    talk(user, says('hello')),
    chatml("{% if m['role'] == 'assistant' %}<think>\n\n</think>\n\n{% endif %}{{ m['content'] }}"),
  ],
  'calls in the way of the template': [
    talk(user, says(null, { tool_calls: [call({ path: 'a.py', n: 3 })] })),
    printsCalls,
  ],
  'the role developer where the template names it': [
    talk({ role: 'developer', content: 'be brief' }, user, says('ok')),
    chatml("{% if m['role'] == 'developer' %}# {% endif %}{{ m['content'] }}"),
  ],
  'a template with a clock': [
    talk(user, says('fine')),
    `<|im_start|>system\n{{ strftime_now('%H:%M:%S.%f') }}<|im_end|>\n${chatml("{{ m['content'] }}")}`,
  ],
};

describe('what is taught is compared with the row', () => {
  const alone = ([row, , template]: readonly [Row, RegExp, string?]): DataCase => ({
    train: [row],
    valid: [],
    template,
  });
  const among = ([row, , template]: readonly [Row, RegExp, string?]): DataCase => ({
    train: [...good(5), row],
    template,
  });
  let reports: Awaited<ReturnType<typeof reportsOf>>;
  const [stops, warns, rights] = [Object.entries(stopped), Object.entries(warned), Object.entries(right)];
  before(async () => {
    reports = await reportsOf([
      ...stops.map(([, one]) => ({ ...alone(one), data: 'train.jsonl' })),
      ...stops.map(([, one]) => among(one)),
      ...warns.map(([, one]) => ({ ...alone(one), data: 'train.jsonl' })),
      ...rights.map(([, [row, template]]) => ({ train: [row], template, data: 'train.jsonl' })),
    ]);
  });
  const at = (index: number) => {
    const report = reports[index];
    if (report === undefined) throw new Error(`no report ${index}`);
    return { ...report, stops: report.stops.map(({ message }) => message) };
  };

  for (const [index, [name, [, pattern, template]]] of stops.entries()) {
    it(`${name}: refuses a file of nothing else, warns of one row`, () => {
      const report = at(index);
      expect(report.stops.join('\n')).to.match(pattern).and.contain('train.jsonl, line 1 (1 of 1 examples)');
      expect(report.profile?.taught?.answers).to.include({ total: 1 });
      // a template that is wrong for one row may be wrong for good ones too
      if (template !== undefined) return;
      const few = at(stops.length + index);
      expect(few.stops).to.deep.equal([]);
      expect(few.warnings.join('\n')).to.match(pattern).and.contain('train.jsonl, line 6 (1 of 6 examples)');
      expect(few.profile?.taught?.answers).to.deep.equal({ total: 6, call: 0, prose: 5, other: 1, nothing: 0 });
    });
  }

  for (const [index, [name, [, pattern]]] of warns.entries()) {
    it(`${name}: a warning with the line`, () => {
      const report = at(2 * stops.length + index);
      expect(report.stops).to.deep.equal([]);
      expect(report.warnings.join('\n')).to.match(pattern).and.contain('train.jsonl, line 1 (1 of 1 examples)');
    });
  }

  for (const [index, [name]] of rights.entries()) {
    it(`${name}: nothing is said`, () => {
      const report = at(2 * stops.length + warns.length + index);
      expect([...report.stops, ...report.warnings].filter((text) => /, lines? \d/.test(text))).to.deep.equal([]);
    });
  }
});

describe('what is taught of calls', () => {
  const response = { role: 'user', content: '<tool_response>\nx = 1\n</tool_response>' };
  const called = says('<tool_call><function=execute_code>\nread_file("a.py")\n</function></tool_call>');
  const turns = Array.from({ length: 4 }, (_, n) => talk(user, called, response, says(`a${n}.py sets x to 1.`)));
  const short = [talk(user, called), ...turns.slice(1)];
  let reports: Awaited<ReturnType<typeof reportsOf>>;
  before(async () => {
    reports = await reportsOf([{ train: turns }, { train: short }, { train: turns, masks: false }]);
  });

  it('says that a call is never taught where only the last message is', () => {
    expect(reports[0]?.warnings).to.deep.equal([
      '4 of 4 training examples (100 %) end in text without a tool call. Check that this is intended.',
      '4 of 4 calls are never trained on. With mask_prompt, only the last message of an example is trained on. `phasebox data --split DIR` writes an example for each assistant turn.',
    ]);
    expect(reports[0]?.profile?.taught).to.deep.equal({
      masked: true,
      answers: { total: 4, call: 0, prose: 4, other: 0, nothing: 0 },
      calls: { total: 4, never_taught: 4 },
      turns: { total: 8, never_taught: 4 },
    });
    expect(reports[1]?.profile?.taught?.answers).to.include({ total: 4, call: 1, prose: 3 });
  });

  it('counts every answer where nothing is masked', () => {
    expect(reports[2]?.warnings).to.deep.equal([
      '4 of 8 trained answers (50 %) are text without a tool call. Check that this is intended.',
    ]);
    expect(reports[2]?.profile?.taught?.turns).to.deep.equal({ total: 8, never_taught: 0 });
  });
});

describe('generated rows under five templates', () => {
  it('never teach something of which the check says nothing, and good rows raise no alarm', async () => {
    const { stdout } = await promisify(execFile)(testPython, [join(fixtures, 'oracle.py'), demoBase('B')], { env });
    const found = z
      .object({ rows: z.int(), wrong: z.int(), silent: z.array(z.string()), false_alarms: z.array(z.string()) })
      .parse(JSON.parse(stdout));
    expect(found.silent).to.deep.equal([]);
    expect(found.false_alarms).to.deep.equal([]);
    // 300 rows, five templates, with and without mask_prompt; some rows no template can print
    expect(found.rows).to.be.within(2900, 3000);
    expect(found.wrong).to.be.greaterThan(1500);
  });
});
