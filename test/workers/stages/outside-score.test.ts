import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import type { Suite } from '../../../src/events/suite.ts';
import { stage as evaluate } from '../../../src/workers/stages/eval.ts';
import { suiteOf } from '../../helpers/answers.ts';
import { type ExamOptions, prepareExam } from '../../helpers/exam.ts';
import { demoBase, stageErrorOf, testPython } from '../../helpers/real-stage.ts';

const bin = resolve('test/fixtures/bin');
const fused = async () => ({ fuse: { folder: await demoBase('A'), made: { model: '.' } } });

async function sit(options: ExamOptions) {
  const at = await prepareExam(options);
  const made = await evaluate.run(await fused(), at.context);
  await evaluate.verify?.(made, at.context);
  return { made, at };
}
const failure = async (options: ExamOptions) => stageErrorOf(sit(options));

/** A suite whose prompts are scored by these words: see test/fixtures/bin/scorer.py. */
async function scored(words: Record<string, string>, command?: readonly string[]): Promise<Suite> {
  const file = join(await mkdtemp(join(tmpdir(), 'phasebox-words-')), 'words.json');
  await writeFile(file, JSON.stringify(words));
  const prompts = Object.keys(words).map((id) => ({ id, category: 'git', prompt: `call ${id}()`, expect: undefined }));
  return suiteOf(prompts, { scorer: { command: [...(command ?? [testPython, join(bin, 'scorer.py'), file])] } });
}

describe("a suite's scorer in the eval stage", () => {
  it('gives every answer its points, of the base too; what it wrote is kept', async () => {
    const suite = await scored({ a: 'a()', b: 'z()', c: '[mode]' });
    const { made, at } = await sit({ suite, settings: { repeats: 2, base: true } });
    expect(made.score.overall).to.be.closeTo((100 * 1.25) / 3, 1e-9);
    expect(made.score.strict).to.equal(made.score.overall);
    expect(made.score.modes).to.include({ wrapped: 4, wrong_tool: 2 });
    expect(made.score.category_modes?.git).to.deep.equal(made.score.modes);
    expect(made.base?.overall).to.equal(made.score.overall);
    const kept = (await readFile(join(at.context.dir, 'scores.jsonl'), 'utf8')).trim().split('\n');
    expect(kept.map((line) => JSON.parse(line).id)).to.deep.equal(['a', 'b', 'c', 'a', 'b', 'c']);
    expect(Object.keys(at.seen.inputs).filter((name) => name.startsWith('scorer '))).to.have.length(3);
  });

  it('is part of the eval identity by its files', async () => {
    const suite = await scored({ a: 'a()' });
    const first = await sit({ suite });
    const again = await sit({ suite });
    expect(again.made.eval_identity).to.equal(first.made.eval_identity);
    await writeFile(suite.scorer?.command[2] ?? '', JSON.stringify({ a: 'other' }));
    const changed = await sit({ suite });
    expect(changed.made.eval_identity).not.to.equal(first.made.eval_identity);
    expect(changed.made.score.overall).to.equal(0);
  });

  it('fails in words when it writes what cannot be used, or ends badly', async () => {
    const errorOf = async (words: Record<string, string>, command?: readonly string[]) =>
      failure({ suite: await scored(words, command) });
    const high = await errorOf({ a: 'a', b: '[high]' });
    expect(high.code).to.equal('BAD_SETTINGS');
    expect(high.message).to.match(/line 2: score: must be a number from 0 to 1: \{"id": "b", "repeat": 0, "score": 2/);
    expect((await errorOf({ a: '[skip]', b: 'b' })).message).to.match(/no score for a, repeat 0$/);
    expect((await errorOf({ a: '[prose]' })).message).to.match(/line 1: is not valid JSON: I think it is fine/);
    const failed = await errorOf({ a: '[fail]' });
    expect(failed.code).to.equal('TOOL_FAILED');
    expect(failed.message).to.match(
      /^The tool failed: the suite's scorer \(.*\): exit code 1: scorer: cannot score a$/,
    );
    expect((await errorOf({ a: 'a' }, ['./nowhere'])).message).to.match(
      /the suite's scorer \(\.\/nowhere\).*not found|No such file/,
    );
  });
});

describe('eval.engine in the eval stage', () => {
  const suite = suiteOf([{ id: 'right', category: 'git' }]);
  const engine = (what: string, server = true) => ({ command: [testPython, join(bin, 'engine.py'), what], server });

  it('asks our proven server and scores; categories are its own or those of the suite', async () => {
    const { made, at } = await sit({ suite, settings: { engine: engine('plain'), base: true } });
    expect(made.score).to.deep.include({ overall: 75, strict: 75, categories: { git: 100, reasoning: 50 } });
    expect(made.score.modes).to.include({ wrapped: 1, prose: 0 });
    expect(made.score.prompts.map(({ mode }) => mode)).to.deep.equal(['wrapped', null]);
    expect(made.base?.overall).to.equal(75);
    expect(at.served).to.deep.equal(['base', 'server']);
    expect((await readFile(join(at.context.dir, 'answers.jsonl'), 'utf8')).split('\n')).to.have.length(3);
    const other = await sit({ suite, settings: { engine: engine('x') } });
    expect(other.made.eval_identity).not.to.equal(made.eval_identity);
  });

  it('loads the model itself with server: false; none is served', async () => {
    const { made, at } = await sit({ suite, settings: { engine: engine('alone', false) } });
    expect(made.score.overall).to.equal(75);
    expect(at.served).to.deep.equal([]);
  });

  it('fails in words', async () => {
    const errorOf = (what: string) => failure({ suite, settings: { engine: engine(what) } });
    expect((await errorOf('high')).message).to.match(
      /^The tool rejects the settings: what eval\.engine wrote .*line 1: score: must be/,
    );
    expect((await errorOf('nothing')).message).to.match(/it has no lines$/);
    expect((await errorOf('lost')).message).to.match(/own-1 has no category, and the suite has no prompt of this id$/);
    expect((await errorOf('taken')).message).to.match(
      /line 2: category: this name has a meaning of its own in `gate`: \{/,
    );
    expect(await errorOf('fail')).to.deep.include({ code: 'TOOL_FAILED' });
    expect((await errorOf('fail')).message).to.match(/eval\.engine \(.*\): exit code 1: engine: no such task$/);
  });
});
