import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { canonicalJson } from '../../../src/core/json.ts';
import { answerText } from '../../../src/core/score/answers.ts';
import type { Rendering } from '../../../src/core/score/rendering.ts';
import { contentHash } from '../../../src/io/thread/content-hash.ts';
import { stage as evaluate } from '../../../src/workers/stages/eval.ts';
import { sha256 } from '../../../src/workers/stages/eval-parts.ts';
import type { StageContext } from '../../../src/workers/stages/stage.ts';
import { said, suiteOf } from '../../helpers/answers.ts';
import { plainRendering } from '../../helpers/config-workspace.ts';
import { type ExamOptions, prepareExam } from '../../helpers/exam.ts';
import { demoBase, stageErrorOf } from '../../helpers/real-stage.ts';

const suite = suiteOf([{ id: 'right', category: 'git', prompt: 'call read_file()' }]);

const rendered =
  (changed: Partial<Rendering>): StageContext['render'] =>
  async (jobs) =>
    jobs.map(() => ({ ok: true, rendering: { ...plainRendering, ...changed } }));

const notRendered: StageContext['render'] = async (jobs) => jobs.map(() => ({ ok: false, failed: 'no mlx_lm here' }));

const prompts = (letter: string): Partial<Rendering> => ({ sha256: letter.repeat(64) });

async function evaluated(options: Omit<ExamOptions, 'suite'>) {
  const at = await prepareExam({ suite, ...options });
  const made = await evaluate.run({ fuse: { folder: demoBase('A'), made: { model: '.' } } }, at.context);
  return { ...at, made, warnings: at.seen.warnings };
}

describe('the rendered prompts of an eval', () => {
  it('are a part of its identity, and of what it noted', async () => {
    const one = await evaluated({ render: rendered({ ...prompts('1'), dated: '2026-11-27' }) });
    const two = await evaluated({ render: rendered(prompts('2')) });
    expect(one.made.eval_parts?.exam).to.equal(two.made.eval_parts?.exam);
    expect(one.made.eval_identity).not.to.equal(two.made.eval_identity);
    expect([one.seen.inputs.prompts, one.made.prompts_date]).to.eql(['1'.repeat(64), '2026-11-27']);
    expect(two.made.prompts_date).to.equal(null);
  });

  it('that are not known leave the identity of 0.1.0, and a warning', async () => {
    const { made, warnings } = await evaluated({ render: notRendered });
    expect(made.eval_parts).to.eql({ exam: made.eval_identity });
    expect(warnings.join()).to.contain('not recorded: no mlx_lm here');
  });

  it('are refused by the template before any server is started', async () => {
    const refused = [{ id: 'right', error: 'no system turn here', part: null, without_system: true }];
    const at = await prepareExam({ suite, render: rendered({ sha256: null, refused }) });
    const failed = await stageErrorOf(
      evaluate.run({ fuse: { folder: demoBase('A'), made: { model: '.' } } }, at.context),
    );
    expect(failed.code).to.equal('BAD_SETTINGS');
    expect(failed.message).to.contain('prompt right: "no system turn here"').and.contain('eval.system: ""');
    expect(at.served).to.eql([]);
  });

  it('do not have a base measured again that 0.1.0 measured', async () => {
    const settings = { base: true };
    const old = await evaluated({ settings, render: notRendered });
    const { runStore } = old;
    const now = await evaluated({ settings, runStore, render: rendered(prompts('1')) });
    expect([now.served, now.made.base, now.warnings]).to.eql([['server'], old.made.base, []]);
    const dated = await evaluated({ settings, runStore, render: rendered({ ...prompts('2'), dated: '2026-11-28' }) });
    expect([dated.served, dated.made.base?.key]).to.eql([['server'], old.made.base?.key]);
    expect(dated.warnings.join()).to.contain('rendered prompts not recorded').and.contain(old.made.base?.key);
  });

  it('have the base measured again where they are others', async () => {
    const settings = { base: true };
    const first = await evaluated({ settings, render: rendered(prompts('1')) });
    const { runStore } = first;
    expect((await evaluated({ settings, runStore, render: rendered(prompts('1')) })).served).to.eql(['server']);
    expect((await evaluated({ settings, runStore, render: rendered(prompts('2')) })).served).to.eql(['base', 'server']);
  });

  it('have a rule for answers that take too long, where it can change a score', async () => {
    const long = await evaluated({ render: rendered(prompts('1')), settings: { max_tokens: 512 } });
    expect(long.made.eval_parts).to.have.all.keys('exam', 'prompts', 'timeouts');
    const never = await evaluated({ render: rendered(prompts('1')), settings: { max_tokens: 512, retries: 0 } });
    const short = await evaluated({ render: rendered(prompts('1')), settings: { max_tokens: 256 } });
    for (const { made } of [never, short]) expect(made.eval_parts).to.have.all.keys('exam', 'prompts');
  });

  it('have a base measured again that timed out under the rule of earlier versions, and no other', async () => {
    const settings = { base: true, max_tokens: 512, timeout_s: 0.5 };
    const first = await evaluated({ settings, render: rendered(prompts('1')) });
    const { runStore } = first;
    const folder = join(runStore, first.made.base?.key ?? '');
    const { timeouts: _timeouts, ...older } = first.made.eval_parts ?? {};
    const identity = sha256(canonicalJson(older));
    const old = sha256((await contentHash(demoBase('A'))) + identity).slice(0, 12);
    await rename(folder, join(runStore, old));
    const score = JSON.parse(await readFile(join(runStore, old, 'score.json'), 'utf8'));
    const base = { ...score.base, key: old };
    await writeFile(join(runStore, old, 'score.json'), JSON.stringify({ ...score, base, eval_identity: identity }));
    const again = async () => (await evaluated({ settings, runStore, render: rendered(prompts('1')) })).served;
    expect(await again()).to.eql(['server']);
    const late = { ...said(''), prompt: 'right', response: null, error: 'TIMEOUT' };
    await writeFile(join(runStore, old, 'answers.jsonl'), answerText(late));
    expect(await again()).to.eql(['base', 'server']);
    expect(await again()).to.eql(['server']);
  });

  it('are counted by the server: others than those recorded are a warning', async () => {
    const counted = 7; // what the stand-in says
    expect((await evaluated({ render: rendered({ tokens: { right: counted } }) })).warnings).to.eql([]);
    const { warnings } = await evaluated({ render: rendered({ tokens: { right: 8 } }) });
    expect(warnings.join()).to.contain('right: 7 tokens, not 8');
  });
});
