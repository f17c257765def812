import { expect } from 'chai';
import { type DiffSide, diffRuns, diffText } from '../../../src/core/compare/diff.ts';
import type { Run } from '../../../src/events/run.ts';
import { makeRow, makeRun, noCustody } from '../../helpers/rows.ts';

const hash = (letter: string): string => letter.repeat(64);

const custody: DiffSide['custody'] = {
  ...noCustody,
  ...{ data: hash('d'), base: hash('b'), adapter: hash('a'), iteration: 800, model: hash('e'), suite: hash('c') },
  prompts: hash('9'),
  host: { name: 'mini', system: 'darwin 25.1.0 arm64', cpu: 'Apple M4 Pro', memory_bytes: 2 ** 36 },
};
const versions = { mlx: '0.32.4', mlx_lm: '0.32.2', transformers: '5.1.0', python: '3.12.1', phasebox: '0.1.0' };

const side = (run: string, changed: Partial<DiffSide> = {}, plan: Partial<Run> = {}): DiffSide => ({
  ...{ run, plan: makeRun({ run, ...plan }), row: makeRow({ run }), custody, versions },
  ...changed,
});

const evaluated = makeRun().settings.eval;
const namesOf = (a: DiffSide, b: DiffSide): string[] => diffRuns(a, b).differences.map(({ name }) => name);

describe('the difference of two runs', () => {
  it('is nothing for the same recipe and seed, and then a different score is noise of the machine', () => {
    const same = diffRuns(side('43a-s0'), side('43a-s0.2'));
    expect(same.differences).to.eql([]);
    expect(same.unknown).to.eql([]);
    expect(diffText(same)).to.equal(
      '43a-s0 against 43a-s0.2\n\nNothing differs. If the scores differ, the cause is noise of the machine.\n',
    );
  });

  it('names the known score-jumpers first, in their order, then settings, then contents', () => {
    const settings = makeRun().settings;
    const other = side(
      '43b-s1',
      {
        row: makeRow({ run: '43b-s1', checkpoint: 600, eval_identity: hash('f') }),
        custody: { ...custody, suite: hash('9'), data: hash('8'), resume: hash('7'), model: hash('6') },
        versions: { ...versions, mlx_lm: '0.31.0', transformers: '4.9' },
      },
      {
        seed: 1,
        model: { source: 'org/14B', folder: null, revision: null, download: false },
        settings: {
          ...settings,
          train: { iters: 800, num_layers: 12, resume_adapter_file: 'old.safetensors' },
          fuse: { ...settings.fuse, q_bits: 4 },
          eval: { ...evaluated, suite: '/ws/other.yaml', temperature: 0.7, stop: ['</s>'], system: 'Be brief.' },
        },
      },
    );
    expect(namesOf(side('43a-s0'), other)).to.eql([
      ...['checkpoint', 'seed', 'suite', 'temperature', 'stop', 'system prompt'],
      ...['version of mlx_lm', 'version of transformers', 'resume (warm start)'],
      ...['model', 'train.num_layers', 'fuse.q_bits'],
      ...['data, content', 'eval identity', 'final model, content'],
    ]);
    const text = diffText(diffRuns(side('43a-s0'), other));
    expect(text)
      .to.match(/^ +43a-s0 +43b-s1$/m)
      .and.to.match(/^ {2}checkpoint +800 +600$/m);
    expect(text)
      .to.match(/^ {2}suite +c{12} +9{12}$/m)
      .and.to.match(/^ {2}train\.num_layers +16 +12$/m);
    expect(text).to.match(/^ {2}system prompt +the suite's own +Be brief\.$/m);
    expect(text.indexOf('Known to move')).to.be.below(text.indexOf('Other settings'));
    expect(text.trimEnd().split('\n').at(-1)).to.contain('Check this first: checkpoint');
  });

  it('knows that validations at other steps change the order of the rows', () => {
    const { settings } = makeRun();
    const other = (steps_per_eval: number) =>
      side('b', {}, { settings: { ...settings, train: { iters: 800, steps_per_eval } } });
    const { differences, conclusion } = diffRuns(other(200), other(50));
    expect(differences).to.eql([{ name: 'train.steps_per_eval (order of the rows)', kind: 'jumper', a: 200, b: 50 }]);
    expect(conclusion).to.contain('Check this first: train.steps_per_eval');
    expect(diffRuns(side('a'), other(200)).differences).to.eql([]);
  });

  it('tells the same recipe with other weights from another recipe', () => {
    const made = diffRuns(side('a'), side('b', { custody: { ...custody, adapter: hash('1'), model: hash('2') } }));
    expect(made.differences.map(({ kind }) => kind)).to.eql(['made', 'made']);
    expect(made.conclusion).to.contain('noise of the machine');
  });

  it('finds other prompts where suite and settings are the same, and the date that made them', () => {
    const eval_parts = { exam: hash('8'), prompts: hash('9') };
    const asked = (run: string, prompts: string, prompts_date: string | null): DiffSide =>
      side(run, {
        custody: { ...custody, prompts, prompts_date },
        row: makeRow({ run, eval_identity: prompts, eval_parts: { ...eval_parts, prompts } }),
      });
    const dated = diffRuns(asked('a', hash('1'), '2026-11-27'), asked('b', hash('2'), '2026-11-28'));
    expect(dated.differences.map(({ name, kind }) => [name, kind])).to.eql([['rendered prompts', 'jumper']]);
    expect(dated.conclusion).to.contain('Check this first: rendered prompts');
    expect(diffText(dated)).to.match(/rendered prompts +2026-11-27: 1+… +2026-11-28: 2+…/);
    expect(namesOf(asked('a', hash('1'), null), asked('b', hash('1'), null))).to.eql([]);
    const old = side('old', {
      custody: { ...custody, prompts: null },
      row: makeRow({ run: 'old', eval_identity: hash('8'), eval_parts: null }),
    });
    const older = diffRuns(old, asked('b', hash('2'), null));
    expect([older.differences, older.unknown]).to.eql([[], [{ name: 'rendered prompts', of: ['old'] }]]);
    expect(older.conclusion).to.contain('Nothing of what is known differs');
    expect(diffRuns(old, { ...old, run: 'old.2' }).unknown).to.eql([]);
  });

  it('says what is not known yet of a run that is not over', () => {
    const waiting = side('43a-s1', { row: null, custody: noCustody, versions: {} }, { seed: 1 });
    const { differences, unknown, conclusion } = diffRuns(side('43a-s0'), waiting);
    expect(differences.map(({ name }) => name)).to.eql(['seed']);
    expect(unknown.map(({ name }) => name)).to.include.members([
      'checkpoint',
      'suite',
      'version of mlx',
      'final model, content',
    ]);
    expect(unknown.every(({ of }) => of.join() === '43a-s1')).to.equal(true);
    expect(diffText(diffRuns(side('43a-s0'), waiting))).to.match(
      /No value recorded yet, so not compared\n {2}checkpoint \(of 43a-s1\)\n/,
    );
    expect(conclusion).to.contain('seed');
    const both = diffRuns(waiting, { ...waiting, run: '43a-s1.2' });
    expect(both.conclusion).to.equal(
      'Nothing of what is known differs. If the scores differ, the cause is noise of the machine.',
    );
  });

  it('knows of a run whose folder is gone what its row tells', () => {
    const { unknown, differences } = diffRuns(
      side('a'),
      side('b', { plan: null, row: makeRow({ run: 'b', seed: 3 }) }),
    );
    expect(differences.map(({ name }) => name)).to.eql(['seed']);
    expect(unknown.map(({ name }) => name)).to.include.members(['temperature', 'stop', 'system prompt']);
  });
});
