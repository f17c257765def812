import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { stringify } from 'yaml';
import { answerText } from '../../src/core/score/answers.ts';
import type { Answer } from '../../src/events/suite.ts';
import { said, suiteOf, xml } from '../helpers/answers.ts';
import { tempDir } from '../helpers/temp.ts';

const call = promisify(execFile);
const program = `
import { score } from './src/commands/score.ts';
const [suite, answers, json] = process.argv.slice(1);
score({ suite, answers, json: json === 'json' }).then(
  (code) => { process.exitCode = code; },
  (error) => { console.error(error.message); process.exitCode = error.exitCode; },
);`;

const suite = suiteOf([{ category: 'git' }, { category: 'lsp', expect: ['lint', 'read_file'], match: 'all' }]);
const at = (prompt: string, text: string): Answer => ({ ...said(text), prompt });

async function run(
  text: string,
  json = '',
  of: object | string = suite,
): Promise<{ code: number; stdout: string; stderr: string }> {
  const folder = await tempDir('score');
  const files = [join(folder, 'suite.yaml'), join(folder, 'answers.jsonl')] as const;
  await writeFile(files[0], typeof of === 'string' ? of : stringify(of));
  await writeFile(files[1], text);
  const argv = ['--import', 'tsx', '--input-type=module', '-e', program, ...files, json];
  return call(process.execPath, argv).then(
    (output) => ({ code: 0, ...output }),
    (error) => ({ code: error.code, stdout: error.stdout, stderr: error.stderr }),
  );
}

const answers = [
  at('p0', 'never mind'),
  at('p1', xml('execute_code', 'lint(); my_read_file()')),
  at('p0', xml('execute_code', 'read_file()')),
]
  .map(answerText)
  .join('');

describe('phasebox score', () => {
  it('prints the score as one JSON document', async () => {
    const { code, stdout } = await run(answers, 'json');
    expect(code).to.equal(0);
    expect(JSON.parse(stdout)).to.deep.equal({
      overall: 100,
      strict: 80,
      categories: { git: 100, lsp: 100 },
      modes: {
        ...{ timeout: 0, error: 0, empty: 0, wrapped: 2, wrong_tool: 0, direct_call: 0, cut: 0, thinking: 0, prose: 0 },
      },
      prompts: [
        { id: 'p0', repeat: 0, score: 1, strict: 1, mode: 'wrapped' },
        { id: 'p1', repeat: 0, score: 1, strict: 0.6, mode: 'wrapped' },
      ],
    });
  });

  it('scores the answers of another program the same, and warns of those that are no chat completions', async () => {
    const bare = answers
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => {
        const { prompt, repeat, response } = JSON.parse(line);
        return JSON.stringify({ prompt, repeat, response, note: 'mine' });
      });
    const text = (lines: readonly string[]): string => `\uFEFF${lines.join('\r\n\r\n')}`;
    const [own, other] = await Promise.all([run(answers, 'json'), run(text(bare), 'json')]);
    expect(other).to.deep.equal({ ...own, stderr: '' });
    const said = '{"prompt": "p0", "repeat": 0, "response": "read_file()"}';
    const { code, stdout, stderr } = await run(text([...bare, said]), 'json');
    expect([code, JSON.parse(stdout).modes.error]).to.deep.equal([0, 1]);
    expect(stderr).to.equal(
      'warning: 1 response (p0) without choices[0].message score 0: the whole chat completion is expected.\n',
    );
  });

  it('warns of a key of the suite that is left empty, and refuses one that it does not know', async () => {
    const { stdout, stderr } = await run(answers, 'json', `${stringify(suite)}tools:\n`);
    expect(stderr).to.match(/^warning: .*suite\.yaml: line \d+: tools is empty, so its default applies/);
    expect(JSON.parse(stdout).warnings.join()).to.contain('tools is empty');
    const wrong = await run(answers, 'json', `${stringify(suite)}tols:\n`);
    expect(wrong.stderr).to.contain('tols: unknown key; did you mean "tools"?');
  });

  it('prints a table for people', async () => {
    expect((await run(answers)).stdout.split('\n')).to.deep.equal([
      'category   lenient    strict   prompts',
      'git          100.0     100.0         1',
      'lsp          100.0      60.0         1',
      'overall      100.0      80.0         2',
      '',
      'modes: wrapped 2',
      '',
    ]);
  });

  it('exits 2 and names what is missing, unknown or no answer', async () => {
    const unfit = await run(answerText(at('p0', 'x')) + answerText(at('zz', 'x')));
    expect(unfit).to.include({ code: 2, stdout: '' });
    expect(unfit.stderr).to.contain('no answer to p1, repeat 0').and.contain('zz is not a prompt of the suite');
    const torn = await run(`${answers}{"prompt": "p0", "re`);
    expect(torn.code).to.equal(2);
    expect(torn.stderr).to.match(/answers\.jsonl:4: is not valid JSON/);
    expect((await run('')).code).to.equal(2);
  });

  it("runs a suite's own scorer in the suite's folder, with no model", async () => {
    const words = join(await tempDir('words'), 'words.json');
    await writeFile(words, JSON.stringify({ p0: 'read_file', p1: '[mode]' }));
    const command = ['python3', resolve('test/fixtures/bin/scorer.py'), words];
    const { code, stdout } = await run(answers, 'json', { ...suite, scorer: { command } });
    expect(code).to.equal(0);
    expect(JSON.parse(stdout)).to.deep.include({
      overall: 62.5,
      strict: 62.5,
      prompts: [
        { id: 'p0', repeat: 0, score: 1, strict: 1, mode: 'wrapped' },
        { id: 'p1', repeat: 0, score: 0.25, strict: 0.25, mode: 'wrong_tool' },
      ],
    });
    await writeFile(words, JSON.stringify({ p0: '[high]', p1: '[skip]' }));
    const wrong = await run(answers, 'json', { ...suite, scorer: { command } });
    expect(wrong).to.include({ code: 2, stdout: '' });
    expect(wrong.stderr).to.match(/wrote output that cannot be used:\n {2}line 1: score: must be a number from 0 to 1/);
    const hostile = String.raw`printf 'word \033]0;title\007\n' >&2; exit 3`;
    const failed = await run(answers, 'json', { ...suite, scorer: { command: ['sh', '-c', hostile] } });
    expect(failed.code).to.equal(1);
    expect(failed.stderr).to.match(/^word \\x1b\]0;title\\x07\nThe scorer of .*suite\.yaml .* failed: exit code 3\./);
    const silent = await run(answers, 'json', { ...suite, scorer: { command: ['true'] } });
    expect(silent.stderr).to.match(/\n {2}no score for p0, repeat 0\n {2}no score for p1, repeat 0\n$/);
    const less = await run(answerText(at('p0', '')), 'json', { ...suite, scorer: { command: ['./never-run'] } });
    expect(less.stderr).to.match(/does not fit .*:\n {2}no answer to p1, repeat 0\n$/);
    const absent = await run(answers, 'json', { ...suite, scorer: { command: ['./score-it'] } });
    expect(absent.code).to.equal(1);
    expect(absent.stderr).to.match(/failed: .*ENOENT/);
  });

  it('says why what an engine wrote cannot be scored again', async () => {
    const { code, stderr } = await run('{"id": "p0", "repeat": 0, "score": 1}\n');
    expect(code).to.equal(2);
    expect(stderr).to.match(
      /holds what eval\.engine wrote: scores and no answers\.\nOnly the engine itself can score again/,
    );
  });
});
