import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { answerText } from '../../../src/core/score/answers.ts';
import { readAnswer } from '../../../src/core/score/read-answer.ts';
import type { Answer, Suite } from '../../../src/events/suite.ts';
import { contentHash } from '../../../src/io/thread/content-hash.ts';
import { stage as evaluate } from '../../../src/workers/stages/eval.ts';
import { said, suiteOf } from '../../helpers/answers.ts';
import { plainRendering } from '../../helpers/config-workspace.ts';
import { type ExamOptions, prepareExam } from '../../helpers/exam.ts';
import { demoBase, stageErrorOf } from '../../helpers/real-stage.ts';
import { waitFor } from '../../helpers/temp.ts';

/** The stand-in answers with a wrapped call that holds the prompt's text. */
const easy = suiteOf([
  { id: 'right', category: 'git', prompt: 'call read_file()' },
  { id: 'wrong', category: 'lsp', prompt: 'call nothing' },
]);

/** The fused model of a run: A's base stands for it. */
async function fused() {
  return { fuse: { folder: await demoBase('A'), made: { model: '.' } } };
}

/** What the runner hands over: a run from a model of outside has no fuse stage. */
async function readBy({ run }: ExamOptions) {
  const from = run?.from ?? null;
  return from !== null && 'model' in from ? { outside: from } : fused();
}

async function evaluated(options: ExamOptions) {
  const at = await prepareExam(options);
  const made = await evaluate.run(await readBy(options), at.context);
  await evaluate.verify?.(made, at.context);
  return { ...at, made };
}

const failure = async (options: ExamOptions) => {
  const at = await prepareExam(options);
  return { ...(await stageErrorOf(evaluate.run(await readBy(options), at.context))), at };
};

const withPrompts = (...texts: readonly string[]): Suite =>
  suiteOf(texts.map((prompt, index) => ({ id: `p${index}`, prompt })));

describe('workers/eval', () => {
  it('asks, keeps every answer, scores, and tells how far it is', async () => {
    const { made, seen, answers, served } = await evaluated({ suite: easy, settings: { repeats: 2 } });
    expect([made.score.overall, made.score.strict].map(Math.round)).to.deep.equal([55, 55]);
    expect(made.score.categories).to.deep.equal({ git: 100, lsp: 10 });
    expect(made.score.modes).to.include({ wrapped: 2, wrong_tool: 2 });
    expect(made).to.include({ answers: 'answers.jsonl', base: null });
    expect(made.eval_identity).to.match(/^[0-9a-f]{64}$/);
    expect(seen.inputs).to.deep.equal({
      ...{ model: await contentHash(await demoBase('A')), suite: made.suite_sha256, prompts: plainRendering.sha256 },
    });
    expect(made.eval_parts).to.include({ prompts: plainRendering.sha256 }).and.have.property('exam');
    expect(seen.progress.map(({ iteration, of }) => `${iteration}/${of}`)).to.deep.equal(
      [0, 1, 2, 3, 4].map((done) => `${done}/4`),
    );
    const kept = await answers();
    expect(kept.map(({ prompt, repeat }) => `${prompt} ${repeat}`)).to.deep.equal([
      'right 0',
      'wrong 0',
      'right 1',
      'wrong 1',
    ]);
    expect(Object.keys(kept[0] ?? {})).to.deep.equal([
      ...['prompt', 'repeat', 'response', 'error', 'seconds', 'attempt', 'max_tokens'],
    ]);
    expect(served).to.deep.equal(['server']);
  });

  it('sends what settings and suite say', async () => {
    const suite = suiteOf([{ prompt: '[tell]' }, { prompt: '[tell] more', max_tokens: 7 }], { system: 'be brief' });
    const requestOf = (answer: Answer | undefined) =>
      JSON.parse(readAnswer(answer?.response, 'execute_code')?.text ?? '{}').request;
    const plain = await (await evaluated({ suite, settings: { stop: ['x'] } })).answers();
    expect(requestOf(plain[0])).to.deep.equal({
      model: 'default_model',
      messages: [
        { role: 'system', content: 'be brief' },
        { role: 'user', content: '[tell]' },
      ],
      temperature: 0,
      max_tokens: 60,
      stop: ['x'],
    });
    expect(requestOf(plain[1]).max_tokens).to.equal(7);
    expect(plain[1]?.max_tokens).to.equal(7);
    const settings = { temperature: 0.5, system: '', chat_template_args: { enable_thinking: false }, repeats: 2 };
    const sampled = await (await evaluated({ suite, settings })).answers();
    const again = await (await evaluated({ suite, settings })).answers();
    const other = await (await evaluated({ suite, settings, run: { seed: 1 } })).answers();
    expect(requestOf(sampled[0])).to.deep.include({
      chat_template_kwargs: { enable_thinking: false },
      temperature: 0.5,
    });
    expect(requestOf(sampled[0]).messages).to.have.length(1);
    const seeds = (all: readonly Answer[]) => all.map((answer) => requestOf(answer).seed);
    expect(new Set([...seeds(sampled), ...seeds(other)])).to.have.length(8);
    expect(seeds(again)).to.deep.equal(seeds(sampled));
  });

  it('asks as many at once as it may', async () => {
    const texts = Array.from({ length: 8 }, (_, index) => `[slow] ${index}`);
    const { answers } = await evaluated({ suite: withPrompts(...texts, '[tell]'), settings: { concurrency: 3 } });
    const told = (await answers()).find((answer) => answer.prompt === 'p8');
    expect(JSON.parse(readAnswer(told?.response, 'execute_code')?.text ?? '{}').most).to.equal(3);
  });

  it('does not ask again what this attempt has asked, and starts on a new line after a torn line', async () => {
    const first = await prepareExam({ suite: easy });
    const kept: Answer = { ...said('kept: read_file'), prompt: 'right' };
    const file = join(first.context.dir, 'answers.jsonl');
    await writeFile(file, `${answerText({ ...kept, prompt: 'gone' })}${answerText(kept)}{"prompt": "wro`);
    const made = await evaluate.run(await fused(), first.context);
    expect(await first.answers()).to.have.length(2);
    expect((await first.answers())[0]).to.deep.equal(kept);
    expect(made.score.categories).to.deep.equal({ git: 50, lsp: 10 });
    expect(first.seen.progress.at(0)?.iteration).to.equal(1);
    await writeFile(file, '');
    expect((await stageErrorOf(Promise.resolve(evaluate.verify?.(made, first.context)))).code).to.equal(
      'OUTPUT_DAMAGED',
    );
  });

  it('asks only what is missing when the server dies and is started again', async () => {
    const { made, answers, served, seen } = await evaluated({ suite: withPrompts('one', '[die-once] two', 'three') });
    expect(served).to.deep.equal(['server', 'server.2']);
    expect((await answers()).map(({ prompt }) => prompt)).to.deep.equal(['p0', 'p1', 'p2']);
    expect(made.score.prompts).to.have.length(3);
    expect(seen.warnings.join())
      .to.match(/started again \(server: The model server stopped/)
      .and.not.contain('\n');
  });

  it('continues with the answers of an earlier attempt only if model, suite and settings are the same', async () => {
    const first = await prepareExam({ suite: easy });
    const again = async (): Promise<void> => {
      await rm(join(first.context.dir, 'server'), { recursive: true, force: true });
      await evaluate.run(await fused(), first.context);
    };
    await again();
    const asked = join(first.context.dir, 'asked.json');
    const file = join(first.context.dir, 'answers.jsonl');
    const [one] = await first.answers();
    const kept = answerText({ ...one!, seconds: 77 });
    await writeFile(file, kept);
    await again();
    expect((await first.answers()).map(({ seconds }) => seconds === 77)).to.deep.equal([true, false]);
    for (const change of ['model', 'eval_identity']) {
      await writeFile(file, kept);
      const other = { ...(JSON.parse(await readFile(asked, 'utf8')) as object), [change]: 'another' };
      await writeFile(asked, JSON.stringify(other));
      await again();
      expect((await first.answers()).map(({ seconds }) => seconds === 77)).to.deep.equal([false, false]);
    }
  });

  it('counts time-outs and a refused prompt as answers, and warns', async () => {
    const { made, seen } = await evaluated({
      suite: withPrompts('[hang]', '[400]', 'read_file'),
      settings: { timeout_s: 0.3, retries: 0 },
    });
    expect(made.score.modes).to.include({ timeout: 1, error: 1, wrapped: 1 });
    expect(seen.warnings).to.have.length(2);
    expect(seen.warnings[0]).to.contain('1 of 3');
  });

  it('asks again with half of the tokens what took too long, scores that answer, and says so', async () => {
    const { made, seen, answers } = await evaluated({
      suite: withPrompts('[long] read_file', 'read_file'),
      settings: { timeout_s: 0.5, retries: 1, max_tokens: 600 },
    });
    expect(made.score.modes).to.include({ timeout: 0, wrapped: 2 });
    expect(made.asked_again).to.equal(1);
    expect((await answers()).map(({ max_tokens, asked_again }) => [max_tokens, asked_again])).to.deep.equal([
      [300, 1],
      [600, undefined],
    ]);
    expect(seen.warnings).to.deep.equal([
      '1 of 2 answers took longer than timeout_s: 0.5 and were asked again with half of the tokens (at least 256)',
    ]);
  });

  it('fails on what is no answer, and never scores it', async () => {
    const codes: [string, string][] = [
      ['[404]', 'TOOL_FAILED'],
      ['[other]', 'WRONG_SERVER'],
      ['[garbage]', 'WRONG_SERVER'],
      ['[reset]', 'CONNECTION_RESET'],
      ['[swallow]', 'CALL_SWALLOWED'],
      ['[die]', 'SERVER_DIED'],
    ];
    for (const [text, code] of codes) {
      const found = await failure({ suite: withPrompts('fine', text, 'never asked'), settings: { retries: 0 } });
      expect(found.code, text).to.equal(code);
      expect(await found.at.answers(), text).to.have.length(1);
    }
    expect((await failure({ suite: withPrompts('[400] a', '[400] b') })).code).to.equal('BAD_SETTINGS');
  });

  it('stops on its signal, with what it has in the file', async () => {
    const controller = new AbortController();
    const at = await prepareExam({
      suite: withPrompts('one', '[hang]'),
      signal: controller.signal,
      settings: { base: true },
    });
    const running = stageErrorOf(evaluate.run(await fused(), at.context));
    await waitFor(
      'a first answer of the base',
      async () =>
        (await readdir(at.runStore)).find((name) => name.startsWith('.')) !== undefined &&
        at.seen.progress.at(-1)?.iteration === 1,
    );
    controller.abort();
    expect((await running).code).to.equal('STOPPED');
    expect(at.seen.warnings).to.deep.equal([]);
  });

  it('refuses a suite that is gone or wrong, and a model from outside that was changed', async () => {
    const gone = await prepareExam({ suite: easy });
    const suite = gone.context.run.settings.eval.suite;
    await writeFile(suite, 'suite: x\nprompts: []\n');
    const wrong = await stageErrorOf(evaluate.run(await fused(), gone.context));
    expect(wrong.code).to.equal('BAD_SETTINGS');
    expect(wrong.message).to.contain('prompts');
    const from = { model: await demoBase('A'), sha256: 'another' };
    expect((await failure({ suite: easy, run: { from } })).code).to.equal('INPUT_CHANGED');
  });

  it('scores the base once for all runs of the same identity', async () => {
    const first = await evaluated({ suite: easy, settings: { base: true } });
    expect(first.served).to.deep.equal(['base', 'server']);
    expect(first.seen.progress.map(({ doing, iteration, of }) => `${doing} ${iteration}/${of}`)).to.deep.equal([
      ...['base 0/2', 'base 1/2', 'base 2/2', 'answers 0/2', 'answers 1/2', 'answers 2/2'],
    ]);
    const { base } = first.made;
    expect(base?.overall).to.be.closeTo(55, 1e-9);
    expect(base?.categories).to.deep.equal({ git: 100, lsp: 10 });
    expect(base?.strict_categories).to.deep.equal(first.made.score.strict_categories);
    expect(await readdir(first.runStore)).to.deep.equal([base?.key]);
    expect((await readdir(join(first.runStore, base?.key ?? ''))).sort()).to.deep.equal([
      'answers.jsonl',
      'score.json',
    ]);
    const lines = await readFile(join(first.runStore, base?.key ?? '', 'answers.jsonl'), 'utf8');
    expect(lines.trim().split('\n')).to.have.length(2);
    const second = await evaluated({
      suite: easy,
      settings: { base: true },
      runStore: first.runStore,
      run: { seed: 3 },
    });
    expect(second.served).to.deep.equal(['server']);
    expect(second.made.base).to.deep.equal(base);
    const warmer = { base: true, temperature: 1 };
    expect((await evaluated({ suite: easy, settings: warmer, runStore: first.runStore })).made.base?.key).to.not.equal(
      base?.key,
    );
    const outside = {
      model: null,
      from: { model: await demoBase('A'), sha256: await contentHash(await demoBase('A')) },
    };
    expect((await evaluated({ suite: easy, settings: { base: true }, run: outside })).served).to.deep.equal(['server']);
  });

  it('measures the base again where its score is of an older version or damaged, and keeps its answers', async () => {
    const first = await evaluated({ suite: easy, settings: { base: true } });
    const folder = join(first.runStore, first.made.base?.key ?? '');
    const whole = await readFile(join(folder, 'score.json'), 'utf8');
    const answers = await readFile(join(folder, 'answers.jsonl'), 'utf8');
    const old = JSON.parse(whole) as { base: { strict_categories?: unknown } };
    delete old.base.strict_categories;
    for (const text of [JSON.stringify(old), whole.slice(0, 40)]) {
      await writeFile(join(folder, 'score.json'), text);
      const again = await evaluated({ suite: easy, settings: { base: true }, runStore: first.runStore });
      expect(again.served).to.deep.equal(['base', 'server']);
      expect(again.made.base).to.deep.equal(first.made.base);
      expect(await readFile(join(folder, 'answers.jsonl'), 'utf8')).to.equal(answers);
    }
  });

  it('continues without a base score when it cannot be measured, and says so', async () => {
    const at = await prepareExam({ suite: easy, settings: { base: true } });
    const broken = { ...at.context, shared: () => Promise.reject(new Error('no space')) };
    const made = await evaluate.run(await fused(), broken);
    expect(made.base).to.equal(null);
    expect(made.score.overall).to.be.closeTo(55, 1e-9);
    expect(at.seen.warnings.join()).to.contain('no space');
  });
});
