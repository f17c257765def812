import { expect } from 'chai';
import { adapterBytes, modelBytes } from '../../../src/core/mlx/estimate.ts';
import { endsBy, lateRuns, nightOf } from '../../../src/core/plan/night.ts';
import { nightText } from '../../../src/core/plan/night-text.ts';
import { openEstimator } from '../../../src/core/plan/stage-seconds.ts';
import type { Run } from '../../../src/events/run.ts';
import { completeTrain } from '../../../src/events/stages/train.ts';
import { plan } from '../../helpers/runs.ts';
import { input, nightRun, type Speeds, shapeOf, simulate } from '../../helpers/simulated-night.ts';

const gb = 2 ** 30;
const coder = 'mlx-community/Qwen3-Coder-30B-A3B-Instruct-4bit';
const dense = 'mlx-community/Qwen3-14B-4bit';

interface Given {
  readonly model?: string;
  readonly seed?: number;
  readonly variant?: string;
  readonly from?: Run['from'];
  readonly settings?: Partial<Run['settings']>;
}

/** A run of phase `phase`: experiment A of the design, with changes. */
function run(phase: string, { model = coder, seed = 0, variant, from = null, settings = {} }: Given = {}): Run {
  const fuse = { mode: 'direct', q_bits: 5, q_group_size: 64, ...settings.fuse } as const;
  const makes = fuse.mode === 'none' ? [] : fuse.mode === 'direct' ? ['fuse'] : ['fuse', 'quantize'];
  const base = plan();
  return plan({
    ...{
      phase,
      seed,
      variant: variant ?? null,
      from,
      run: `${phase}-s${seed}${variant === undefined ? '' : `-${variant}`}`,
    },
    model: { source: model, folder: null, revision: null, download: false },
    data: { source: 'data', folder: '/data' },
    chain: [...(from === null ? ['train'] : []), ...makes, 'cleanup', 'eval'] as Run['chain'],
    settings: {
      ...base.settings,
      train: {
        ...{ iters: 800, batch_size: 1, num_layers: 8, save_every: 200, steps_per_eval: 50, val_batches: 10 },
      },
      cleanup: { keep_checkpoints: 'all', keep_model: 'all' },
      ...settings,
      fuse,
    },
  });
}

const finalGb = (one: Run, bits = 5): number => modelBytes(shapeOf(one), bits, 64) / gb;
const adapterGb = (one: Run): number => {
  const train = completeTrain(one);
  return train === null ? 0 : adapterBytes(shapeOf(one), train) / gb;
};
const keep = (keep_model: 'all' | 'best' | 'none', keep_checkpoints: 'all' | 'selected' = 'all') => ({
  cleanup: { keep_model, keep_checkpoints },
});
const a = run('a');
const b = run('b', { model: dense });
/** Five adapter files: four checkpoints and the final weights. */
const trained = 5 * adapterGb(a);

describe('core/night: five planned nights, the disk to 1 %', () => {
  const sum = (runs: readonly Run[], usable: number, kept = new Map<string, number>()) =>
    nightOf(
      input(
        runs.map((one) => nightRun(one)),
        { space: { usable: usable * gb, kept } },
      ),
    );
  const stays = (view: ReturnType<typeof sum>, expected: number): void =>
    void expect(view.night.disk.stay_gb).to.be.closeTo(expected, 0.01 * expected);

  it('three seeds that keep everything: 63 GB, not enough from run 3; `keep_model: best` would need 24 GB', () => {
    expect(finalGb(a)).to.be.within(19.4, 20.4);
    const view = sum(
      [0, 1, 2].map((seed) => run('a', { seed })),
      61,
    );
    stays(view, 3 * (trained + finalGb(a)));
    expect(view.night.disk).to.include({ usable_gb: 61, short_from: 3 });
    expect(view.best_gb).to.be.closeTo(3 * trained + finalGb(a), 0.3);
    expect(view.night).to.include({ runs: 3, trainings: 3 });
  });

  it('the same with `keep_model: best`: one model stays, and two are there for a while', () => {
    const runs = [0, 1, 2].map((seed) => run('a', { seed, settings: keep('best') }));
    stays(sum(runs, 61), 3 * trained + finalGb(a));
    expect(sum(runs, 61).night.disk.short_from).to.equal(null);
    const peak = 3 * trained + 2 * finalGb(a);
    expect(sum(runs, peak - 0.1).night.disk.short_from).to.equal(3);
    stays(sum(runs, 61, new Map([['a', finalGb(a) * gb]])), 3 * trained);
  });

  it('two_step writes the float16 model for a while, and keeps one adapter', () => {
    const settings = { ...keep('none', 'selected'), fuse: { mode: 'two_step', q_bits: 5, q_group_size: 64 } as const };
    const runs = [0, 1].map((seed) => run('a', { seed, settings }));
    stays(sum(runs, 90), 2 * adapterGb(a));
    const peak = trained + modelBytes(shapeOf(a), null, 64) / gb + finalGb(a);
    expect(peak).to.be.within(76, 80);
    expect(sum(runs, peak + 0.1).night.disk.short_from, 'the first run alone').to.equal(2);
    expect(sum(runs, peak - 0.1).night.disk.short_from).to.equal(1);
  });

  it('variants share a training: it counts once, and each model is its own', () => {
    const from = { run: 'a-s0', after: 'train' } as const;
    const q4 = run('a', { variant: 'q4', from, settings: { fuse: { mode: 'direct', q_bits: 4, q_group_size: 64 } } });
    const raw = run('a', { variant: 'raw', from, settings: { fuse: { mode: 'none', q_bits: 5, q_group_size: 64 } } });
    const view = sum([a, q4, raw], 100);
    stays(view, trained + finalGb(a) + finalGb(a, 4));
    expect(view.night).to.include({ runs: 3, trainings: 1 });
    const reader = run('a', { seed: 5, from: { run: 'a-s1', after: 'fuse' }, settings: keep('none') });
    const source = run('a', { seed: 1, settings: keep('none') });
    stays(sum([source, { ...reader, chain: ['eval'] }], 100), trained);
  });

  it('a night that has begun: what the running stage has written is no longer free', () => {
    const current = { stage: 'fuse', spent_s: 30, left_s: null, written: 10 * gb } as const;
    const runs = [nightRun(a, { started: true, committed: new Set(['train']), current }), nightRun(b)];
    const view = nightOf(input(runs, { space: { usable: 61 * gb, kept: new Map() } }));
    stays(view, finalGb(a) - 10 + 5 * adapterGb(b) + finalGb(b));
    expect(view.night).to.include({ runs: 2, trainings: 1 });
  });
});

const fast: Speeds = { iteration: 0.9, validation: 0.3, answer: 2, load: 15, fuse: 60, noise: 0.05 };
const slow: Speeds = { iteration: 3, validation: 1, answer: 8, load: 40, fuse: 115, noise: 0.05 };
const speedsOf = (one: Run): Speeds => (one.model?.source === dense ? slow : fast);
const noBase = { eval: { ...plan().settings.eval, base: false, cost: false } };
const more = (seed: number, iters: number): Run =>
  run('a', {
    seed,
    settings: { train: { iters, batch_size: 1, save_every: 200, steps_per_eval: 50, val_batches: 10 } },
  });
const nights: Readonly<Record<string, readonly Run[]>> = {
  'seeds of one phase': [0, 1, 2, 3].map((seed) => run('a', { seed, settings: noBase })),
  'two long trainings': [0, 1].map((seed) => run('b', { model: dense, seed, settings: noBase })),
  'trainings of different lengths': [400, 800, 1200, 600].map((iters, seed) => more(seed, iters)),
  'two models in turn': [0, 1, 2].flatMap((seed) => [
    run('a', { seed, settings: noBase }),
    run('b', { model: dense, seed, settings: noBase }),
  ]),
  'variants of one training': [0, 1].flatMap((seed) => [
    run('a', { seed, settings: noBase }),
    run('a', { seed, variant: 'q4', from: { run: `a-s${seed}`, after: 'train' }, settings: noBase }),
  ]),
};

describe('core/night: the end', () => {
  for (const [name, runs] of Object.entries(nights)) {
    it(`${name}: known within 20 % after a quarter of the night`, () => {
      const whole = simulate(runs, speedsOf);
      whole.pass(Number.POSITIVE_INFINITY);
      const end = whole.now();
      expect(whole.ended).to.have.length(runs.length);
      for (const share of [0.25, 0.4, 0.5, 0.75, 0.95]) {
        const night = simulate(runs, speedsOf);
        night.pass(share * end);
        const { ends, ends_low, ends_high } = night.estimate().night;
        const [at, low, high] = [ends, ends_low, ends_high].map((iso) => Date.parse(iso ?? '') / 1000);
        expect(at, `at ${share}`).to.be.within(0.8 * end, 1.2 * end);
        expect([low, at, high]).to.eql([low, at, high].toSorted((x = 0, y = 0) => x - y));
      }
    });
  }

  it('goes by a rehearsal before it goes by a rule of thumb, and by the same recipe before both', () => {
    const rehearsed = {
      seconds_per_iteration: 2,
      seconds_per_val_batch: 0.5,
      eval_tokens_per_s: 50,
      peak_bytes: 21 * gb,
    };
    const { recipe } = nightRun(a);
    const stagesOf = (past: Parameters<typeof openEstimator>[0], one = recipe) => openEstimator(past).next(one)?.stages;
    expect(stagesOf([])?.train?.from).to.equal('rule of thumb');
    const byRehearsal = stagesOf([], { ...recipe, rehearsed });
    // 800 iterations, 17 validations of 10 batches.
    expect(byRehearsal?.train).to.deep.include({ from: 'rehearsal' });
    expect(byRehearsal?.train?.seconds).to.be.closeTo(800 * 2 + 17 * 10 * 0.5, 25);
    expect(byRehearsal?.fuse?.from).to.equal('rule of thumb');
    const past = [{ recipe: nightRun(run('a', { seed: 7 })).recipe, seconds: { train: 2520 } }];
    expect(stagesOf(past, { ...recipe, rehearsed })?.train).to.deep.include({ from: 'history', seconds: 2520 });
    const half = run('c', { settings: { train: { ...a.settings.train, iters: 400 } } });
    const scaled = stagesOf(past, nightRun(half).recipe)?.train;
    expect(scaled?.from).to.equal('history');
    expect(scaled?.seconds).to.be.closeTo(1260, 40);
    expect(stagesOf(past, nightRun(b).recipe)?.train?.from, 'another model').to.equal('history');
    const view = nightOf(input([{ ...nightRun(a), recipe: { ...recipe, rehearsed } }], { memory: 32 * gb }));
    expect(view.night.memory).to.eql({ peak_gb: 21, limit_gb: 32 });
  });

  it('asks a base model once in a night', () => {
    const estimator = openEstimator([]);
    const [first, second] = [
      estimator.next(nightRun(a).recipe),
      estimator.next(nightRun(run('a', { seed: 1 })).recipe),
    ];
    expect(first?.stages.eval?.seconds).to.be.above(1.5 * (second?.stages.eval?.seconds ?? 0));
    expect(second?.alone.eval?.seconds, 'if the first does not run').to.equal(first?.stages.eval?.seconds);
    const answered = openEstimator([{ recipe: nightRun(a).recipe, seconds: { eval: 100 } }]).next(nightRun(a).recipe);
    expect(answered?.alone, 'a done run has asked it').to.eql(answered?.stages);
  });
});

describe('core/night: the deadline and the sentence', () => {
  it('starts nothing that would not be finished by then, in the order of the queue', () => {
    const runs = [more(0, 400), more(1, 3000), more(2, 400), more(3, 400), more(4, 400)];
    const history = [
      { recipe: nightRun(more(9, 400)).recipe, seconds: { train: 430, fuse: 75, cleanup: 1, eval: 70 } },
    ];
    const until = 3600;
    const night = simulate(runs, speedsOf, { past: history, until });
    night.pass(Number.POSITIVE_INFINITY);
    const ended = night.ended.map(({ run: name }) => name);
    expect(ended).to.eql(['a-s0', 'a-s2', 'a-s3', 'a-s4']);
    expect(
      night.ended.every(({ at }) => at <= until),
      JSON.stringify(night.ended),
    ).to.equal(true);
    expect(
      night.estimate().times.map(({ run: name }) => name),
      'first in the next night',
    ).to.eql(['a-s1']);
    const first = simulate([runs[1]!, runs[0]!], speedsOf, { past: history, until: 7200 });
    first.pass(Number.POSITIVE_INFINITY);
    expect(
      first.ended.map(({ run: name }) => name),
      'a prioritized run is considered first',
    ).to.eql(['a-s1', 'a-s0']);
  });

  it('counts the score of a base model for the first run that starts, and not for one that the deadline leaves out', () => {
    const seed = (nth: number, iters: number) =>
      nightRun(run('a', { seed: nth, settings: { train: { iters, batch_size: 1, save_every: 200 } } }));
    const view = nightOf(input([seed(0, 100_000), seed(1, 400), seed(2, 400)]));
    const [, second, third] = view.times;
    const withBase = second?.alone?.high ?? 0;
    expect(withBase).to.be.above(second?.total?.high ?? 0);
    const until = 1000 * (withBase - 1);
    expect(endsBy(second!, 0, until)).to.equal(false);
    expect(lateRuns(view, until).map(({ run: name }) => name)).to.eql(['a-s0', 'a-s1', 'a-s2']);
    const both = 1000 * ((second?.alone?.seconds ?? 0) + (third?.total?.high ?? 0) + 1);
    expect(lateRuns(view, Math.max(both, until + 1001)).map(({ run: name }) => name)).to.eql(['a-s0']);
  });

  it('says runs, end, disk, memory, what is left out and what the deadline leaves', () => {
    const zone = process.env.TZ;
    process.env.TZ = 'UTC';
    try {
      const now = Date.parse('2026-11-28T21:00:00Z');
      const runs = [0, 1, 2].map((seed) => nightRun(run('a', { seed })));
      const left = [
        { run: 'x-s0', why: 'paused' },
        { run: 'y-s0', why: 'held' },
        { run: 'x-s1', why: 'paused' },
      ];
      const past = [{ recipe: runs[0]!.recipe, seconds: { train: 2520, fuse: 115, cleanup: 1, eval: 260 } }];
      const view = nightOf(input(runs, { now, past, left, space: { usable: 41 * gb, kept: new Map() } }));
      expect(nightText(view, { at: now + 95 * 60_000, text: '22:35' }, true)).to.equal(
        '3 runs, 3 trainings. Finishes at about 23:19 (23:05-23:40). Disk: 63 GB stays used after the runs, 41 GB can be used: NOT ENOUGH from run 2 (a-s1); ' +
          '`keep_model: best` would need 24 GB. Left out: x-s0 and x-s1 (paused) and y-s0 (held). ' +
          'Until 22:35: a-s1 (46 min 25 s) and a-s2 (46 min 25 s) do not fit and come first in the next night.',
      );
      expect(nightText(view, null, false), 'no `up` works').to.match(
        /^3 runs, 3 trainings\. If phasebox starts now, it finishes at about 23:19 \(23:05-23:40\)\. Disk:/,
      );
      const unknown = nightOf(input([{ ...nightRun(a), recipe: { ...nightRun(a).recipe, shape: null }, disk: null }]));
      expect(unknown.night).to.deep.include({ ends: null, disk: { stay_gb: null, usable_gb: null, short_from: null } });
      expect(
        lateRuns(unknown, 1e15).map(({ run: name }) => name),
        'a run of unknown length does not start',
      ).to.eql(['a-s0']);
      expect(nightText(nightOf(input([])), null, true)).to.equal(null);
    } finally {
      if (zone === undefined) delete process.env.TZ;
      else process.env.TZ = zone;
    }
  });

  it('leaves out runs whose source does not work, and puts a source before its variants', () => {
    const from = { run: 'a-s0', after: 'train' } as const;
    const q4 = nightRun(run('a', { variant: 'q4', from }));
    expect(nightOf(input([q4, nightRun(a)])).times.map(({ run: name }) => name)).to.eql(['a-s0', 'a-s0-q4']);
    const view = nightOf(input([q4], { left: [{ run: 'a-s0', why: 'paused' }] }));
    expect(view.left.map(({ why }) => why)).to.eql(['paused', 'waits for a-s0']);
    expect(view.night.runs).to.equal(0);
  });
});
