import { expect } from 'chai';
import { type AnsweredRun, renderAnswers } from '../../../src/core/page/answers-page.ts';
import { type ShownAnswer, shownAnswer } from '../../../src/core/page/shown-answer.ts';
import { type Answer, suite } from '../../../src/events/suite.ts';

const exam = suite.parse({
  suite: 'demo',
  prompts: [
    { id: 'git-1', category: 'git', prompt: 'Show the last ``` commit\n| of main', expect: ['git_log'] },
    { id: 'multi-1', category: 'multi_tool', prompt: 'Both', expect: ['git_log', 'read_file'], match: 'all' },
  ],
});

const completion = (message: object, finish_reason = 'stop') => ({ choices: [{ message, finish_reason }] });
const answer = (changed: Partial<Answer>): ShownAnswer =>
  shownAnswer({
    prompt: 'git-1',
    repeat: 0,
    response: completion({ content: 'git_log()' }),
    error: null,
    seconds: 1.2,
    attempt: 1,
    max_tokens: 512,
    ...changed,
  });
const mark = (id: string, repeat = 0, score = 1, strict = 1) => ({
  id,
  repeat,
  score,
  strict,
  mode: 'wrapped' as const,
});

const page = (...runs: Partial<AnsweredRun>[]) =>
  renderAnswers({
    phase: '43a',
    title: 'A | B',
    runs: runs.map((run, index) => ({
      run: `43a-s${index}`,
      answers: [answer({})],
      prompts: [mark('git-1')],
      suite: exam,
      ...run,
    })),
  });
const said = (changed: Partial<Answer>) => page({ answers: [answer(changed)] });

describe('renderAnswers', () => {
  it('shows the prompt, what was expected, points and mode, and the answer of each run below', () => {
    const prompts = [mark('git-1'), mark('multi-1', 0, 0.5, 0)];
    const answers = [
      answer({}),
      answer({ prompt: 'multi-1', response: completion({ content: 'I would use git_log' }) }),
    ];
    expect(page({ prompts, answers }, { answers: [answer({ response: completion({ content: 'other' }) })] })).to.equal(
      [
        '# Answers of 43a (A \\| B)',
        'Each answer has 0 to 1 points by the lenient rules. If its points by the strict rules differ, they follow in parentheses. [The report](../COMPARISON.md)',
        '| prompt | category | 43a-s0 | 43a-s1 |\n| --- | --- | --- | --- |\n| [git-1](#prompt-1) | git | 1 wrapped | 1 wrapped |\n' +
          '| [multi-1](#prompt-2) | multi_tool | 0.5 (strict 0) wrapped | – |',
        '## <a id="prompt-1"></a>git-1 (git)',
        '````text\nShow the last ``` commit\n| of main\n````',
        'Expected: `git_log`',
        '**43a-s0**: 1, wrapped, 1.2 s',
        '```text\ngit_log()\n```',
        '**43a-s1**: 1, wrapped, 1.2 s',
        '```text\nother\n```',
        '## <a id="prompt-2"></a>multi-1 (multi_tool)',
        '```text\nBoth\n```',
        'Expected: all of `git_log`, `read_file`',
        '**43a-s0**: 0.5 (strict 0), wrapped, 1.2 s',
        '```text\nI would use git_log\n```\n',
      ].join('\n\n'),
    );
  });

  it('shows the beginning of an answer of 10 MB, how much is left out, and where it is', () => {
    const made = said({
      response: completion({ content: `<think>${'y'.repeat(10_000_000)}</think>${'x'.repeat(10_000_000)}` }),
    });
    expect(made.length).to.be.lessThan(1_000_000);
    const rest = '*9,800,000 more characters are in* [6-eval/answers.jsonl](43a-s0/6-eval/answers.jsonl)';
    expect(made.split(rest)).to.have.length(3);
    expect(made).to.match(/x{200000}\n```\n/);
  });

  it('keeps long answers whole, and backticks, HTML and marks inside them', () => {
    const content = `${'x'.repeat(100_000)}\n\`\`\`\`js\n</details><!-- phasebox:end -->`;
    const made = said({ response: completion({ content }) });
    expect(made).to.contain(`\`\`\`\`\`text\n${content}\n\`\`\`\`\``);
  });

  it('folds thoughts, wherever the server puts them', () => {
    for (const message of [
      { content: '<think>hm ```</think>answer' },
      { content: 'answer', reasoning: 'hm ```' },
      { content: 'answer', reasoning_content: 'hm ```' },
    ]) {
      const made = said({ response: completion(message) });
      expect(made).to.contain(
        '<details><summary>thoughts</summary>\n\n````text\nhm ```\n````\n\n</details>\n\n```text\nanswer\n```',
      );
    }
    expect(said({ response: completion({ content: '<think>to the end' }, 'length') })).to.match(
      /to the end\n```\n\n<\/details>\n\n\*said nothing\*\n\n\*cut off after 512 tokens\*/,
    );
  });

  it('shows native calls', () => {
    const tool_calls = [{ function: { name: 'execute_code', arguments: '{"code": "git_log()"}' } }];
    const made = said({ response: completion({ content: null, tool_calls }) });
    expect(made).to.contain('called:\n\n```json\n[').and.to.contain('"name": "execute_code"');
    expect(made).to.not.contain('said nothing');
  });

  it('tells of time-outs, errors, foreign responses and answers that are not kept', () => {
    expect(said({ response: null, error: 'TIMEOUT' })).to.contain('*no answer: TIMEOUT*');
    expect(said({ response: { detail: '<b>' } })).to.contain('not a chat completion*\n\n```json\n{\n  "detail": "<b>"');
    expect(page({ answers: [] })).to.contain('*the answer is not kept*');
    expect(said({ response: completion({ content: ' ' }) })).to.contain('*said nothing*');
  });

  it('shows each repeat, and takes the last line of one that was asked twice', () => {
    const answers = [answer({ repeat: 1 }), answer({}), answer({ response: completion({ content: 'newer' }) })];
    const made = page({ answers, prompts: [mark('git-1', 0), mark('git-1', 1, 0, 0)] });
    expect(made).to.contain('**43a-s0**, repeat 1 of 2: 1, wrapped, 1.2 s\n\n```text\nnewer\n```');
    expect(made).to.contain('**43a-s0**, repeat 2 of 2: 0, wrapped');
    expect(made).to.contain('| 1 wrapped, 0 wrapped |');
  });

  it('does not show a prompt that the suite has now and that was not asked then', () => {
    const made = page({ suite: null });
    expect(made).to.contain('## <a id="prompt-1"></a>git-1\n\n*The suite was changed or deleted');
    expect(made).to.contain('git_log()');
  });

  it('keeps prompts of two suites apart although their ids are the same', () => {
    const other = suite.parse({
      suite: 'o',
      prompts: [{ id: 'git-1', category: 'git', prompt: 'Else', expect: ['x'] }],
    });
    const made = page({}, { suite: other });
    expect(made).to.contain('#prompt-2').and.to.contain('```text\nElse\n```');
  });

  it('shows a conversation turn by turn, assertions, and scores that have no mode', () => {
    const turns = suite.parse({
      suite: 'demo',
      prompts: [
        {
          id: 'git-1',
          category: 'git',
          messages: [
            { role: 'user', content: [{ type: 'text', text: 'lint it' }] },
            { role: 'assistant', tool_calls: [{ function: { name: 'lint', arguments: '{}' } }] },
            { role: 'tool', content: 'ok' },
          ],
          assert: [{ type: 'contains', value: 'done', weight: 2 }, { type: 'not-is-json' }],
        },
      ],
    });
    const text = page({ suite: turns, prompts: [{ ...mark('git-1'), mode: null }] });
    expect(text).to.contain('*user*\n\n```text\nlint it\n```\n\n*assistant*\n\n```json\n[\n');
    expect(text).to.contain('"name": "lint"').and.contain('*tool*\n\n```text\nok\n```');
    expect(text).to.contain('Expected: `contains` `"done"` x 2, `not-is-json`');
    expect(text).to.contain('| 1 |').and.contain('**43a-s0**: 1, 1.2 s');
  });
});
