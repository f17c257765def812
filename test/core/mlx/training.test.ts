import { expect } from 'chai';
import { openCourse } from '../../../src/core/mlx/train-progress.ts';
import { factsOf, passingState, readTrainingEvent, trainingSteps } from '../../../src/core/mlx/training.ts';

const line = (event: string, fields: object = {}): string => JSON.stringify({ event, time: 1, ...fields });
const report = (iteration: number, train_loss: number | string, speed = 2): string =>
  line('report', { iteration, train_loss, iterations_per_second: speed, peak_memory_gb: iteration / 10, unread: 1 });
const validation = (iteration: number, val_loss: number): string =>
  line('validation', { iteration, val_loss, val_seconds: 3 });
const text = (...lines: readonly string[]): string => `${lines.join('\n')}\n`;

const courseOf = (progress: string | null, log: string | null = null) => {
  const course = openCourse({ iters: 40, steps_per_eval: 20, most_s: null });
  for (const step of trainingSteps({ progress, log })) course.take(step);
  return course;
};

/** Killed after its report at 30, resumed at 24. */
const resumed = [
  ...[line('start'), validation(1, 9), report(10, 3), validation(20, 8), report(20, 2), report(30, 1)],
  ...[line('start'), line('resumed', { iteration: 24 })],
];

describe('core/training', () => {
  it('drops the losses that a resumed training computes again, and counts from there', () => {
    const before = courseOf(text(...resumed));
    expect(before.progress()).to.include({ iteration: 24, of: 40, loss: 2, val_loss: 8, eta_s: null });
    const after = courseOf(text(...resumed, report(30, 1.5, 1)));
    expect(after.train().map(({ iteration, value }) => [iteration, value])).to.eql([
      ...[
        [10, 3],
        [20, 2],
        [30, 1.5],
      ],
    ]);
    expect(after.progress().eta_s, '10 iterations of 1 s, and the validation at 40').to.equal(10 + 3);
  });

  it('forgets everything of a process before one that began at iteration 1', () => {
    const course = courseOf(text(...resumed.slice(0, 6), line('start'), report(10, 4)));
    expect(course.train()).to.eql([{ iteration: 10, value: 4 }]);
    expect(course.val()).to.eql([]);
    expect(factsOf(text(...resumed, line('start'), report(10, 4)))?.resumed).to.eql([]);
  });

  it('has each resume in order, also after a process that was killed while it loaded', () => {
    const again = [line('start'), line('start'), line('resumed', { iteration: 30 }), report(32, 1)];
    expect(factsOf(text(...resumed, report(30, 1), ...again))?.resumed).to.eql([24, 30]);
    expect(factsOf(text(...resumed))).to.deep.equal({
      ...{ resumed: [24], stopped: null, fallback: null, trainable: null, peak_bytes: 3e9 },
    });
    expect(factsOf(null)).to.equal(null);
  });

  it('reads the log only where plain mlx_lm trains, or phasebox 0.1 trained', () => {
    const log = 'Iter 10: Train loss 5.000, Learning Rate 1e-4, It/sec 1.0, Tokens/sec 10.0, Trained Tokens 100\n';
    expect(courseOf(null, log).progress()).to.include({ loss: 5, eta_s: 30 });
    expect(courseOf(text(...resumed), log).progress()).to.include({ loss: 2 });
    const fallback = text(line('start'), line('fallback', { why: 'odd' }));
    expect(courseOf(fallback, log).progress()).to.include({ loss: 5 });
    expect(factsOf(fallback)?.fallback).to.equal('odd');
    expect(factsOf(text(line('start'), line('fallback', { why: 'odd' }), line('start')))?.fallback).to.equal(null);
  });

  it('shows what a beat says, and an iteration that has begun as not done', () => {
    const beat = (phase: string, iteration: number | null) => line('beat', { phase, iteration });
    expect(courseOf(text(line('start'), beat('loading', null))).progress()).to.include({
      ...{ part: 'loads the model', iteration: null },
    });
    expect(courseOf(text(line('start'), beat('training', 1))).progress()).to.include({ part: null, iteration: null });
    const later = text(line('start'), beat('training', 8), beat('validation', 8));
    expect(courseOf(later).progress()).to.include({ part: 'validation', iteration: 7 });
  });

  it('knows the state that lay next to the two newest ones while it was written', () => {
    const state = (iteration: number) => line('state', { iteration, bytes: 1000 + iteration, seconds: 0.1 });
    expect(passingState(text(state(10), state(20)))).to.equal(0);
    expect(passingState(text(state(10), state(20), state(30)))).to.equal(1030);
    expect(passingState(null)).to.equal(0);
  });

  it('reads losses that are no number, and nothing of a line that is torn or not known', () => {
    const read = (loss: string) => readTrainingEvent(report(4, loss));
    expect(read('nan')).to.deep.include({ train_loss: Number.NaN });
    expect(read('-inf')).to.include({ train_loss: Number.NEGATIVE_INFINITY });
    for (const odd of ['', '{', report(4, 'lots'), line('unheard_of'), report(4, 1).slice(0, -3), '[]'])
      expect(readTrainingEvent(odd), odd).to.equal(null);
  });
});
