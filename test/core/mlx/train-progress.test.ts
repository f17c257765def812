import { readFile } from 'node:fs/promises';
import { expect } from 'chai';
import { type LogEvent, plainLines, readLogLine } from '../../../src/core/mlx/mlx-log.ts';
import {
  openCourse,
  type TrainPlan,
  type TrainProgress,
  type TrainStep,
} from '../../../src/core/mlx/train-progress.ts';

/** A report after `tokens` in all, at 100 tokens a second unless given. */
const report = (iteration: number, tokens: number, tokens_per_s = 100): LogEvent => ({
  ...{ kind: 'train', iteration, train_loss: 1, tokens, tokens_per_s },
});
const trainProgress = (of: TrainPlan): ((step: TrainStep) => TrainProgress) => openCourse(of).take;
const plan = (iters: number | null, steps_per_eval: number | null = null): TrainPlan => ({
  ...{ iters, steps_per_eval, most_s: null },
});

describe('core/train-progress', () => {
  it('knows the total from the plan, or from the log', () => {
    const first: LogEvent = { kind: 'val', iteration: 1, val_loss: 2, took_s: 3 };
    expect(trainProgress(plan(800))(first)).to.include({ iteration: 1, of: 800, loss: null, eta_s: null });
    const advance = trainProgress(plan(null));
    advance({ kind: 'total', of: 100 });
    expect(advance(report(10, 1000))).to.include({ iteration: 10, of: 100, loss: 1, eta_s: 90 + 0 });
  });

  it('goes by the last reports: a training that slows down takes longer', () => {
    const advance = trainProgress(plan(1000));
    for (let step = 1; step <= 20; step++) advance(report(step * 10, step * 1000));
    let eta = 0;
    for (let step = 21; step <= 40; step++) eta = advance(report(step * 10, step * 1000, 20)).eta_s ?? 0;
    expect(eta, '600 iterations of 5 s').to.equal(3000);
  });

  it('counts the validations that are still to come, by the time of the last ones', () => {
    const advance = trainProgress(plan(100, 30));
    advance({ kind: 'val', iteration: 1, val_loss: 2, took_s: 8 });
    advance({ kind: 'val', iteration: 30, val_loss: 2, took_s: 12 });
    expect(advance(report(40, 4000)).eta_s, '60 iterations of 1 s; at 60, 90 and 100').to.equal(60 + 3 * 10);
    expect(advance(report(100, 10_000)).eta_s).to.equal(0);
  });

  it('stops counting at train_minutes: what a training has worked before it was resumed counts too', () => {
    const advance = trainProgress({ ...plan(1000), most_s: 300 });
    const driven = (iteration: number, worked_s: number | null): TrainStep => ({
      ...{ kind: 'train', iteration, train_loss: 1, iterations_per_s: 1, worked_s },
    });
    expect(advance(driven(10, 10)).eta_s, '990 s, if it had the time').to.equal(290);
    advance({ kind: 'resumed', iteration: 10 });
    expect(advance(driven(20, 270)).eta_s).to.equal(30);
    expect(advance(driven(30, 320)).eta_s).to.equal(0);
    expect(advance(driven(40, null)).eta_s, 'not known').to.equal(960);
    expect(trainProgress({ ...plan(100), most_s: 300 })(driven(90, 90)).eta_s, 'it ends before').to.equal(10);
  });

  for (const version of ['0.30.7', '0.32.2']) {
    it(`says the same of a log of mlx_lm ${version}, however often it is read`, async () => {
      const text = await readFile(new URL(`../../fixtures/logs/lora-${version}.log`, import.meta.url), 'utf8');
      const advance = trainProgress(plan(45, 20));
      const etas = plainLines(text).flatMap((line) => {
        const event = readLogLine(line);
        const { iteration, eta_s } = event === null ? { iteration: null, eta_s: null } : advance(event);
        return iteration !== null && iteration >= 10 ? [eta_s ?? 99] : [];
      });
      // Its 45 iterations took 2.4 s, and each of its four validations 0.3 s.
      expect(etas[0]).to.be.within(2, 3);
      expect(etas.at(-1)).to.equal(0);
    });
  }

  it('keeps the val loss, does not go back, and takes no speed from a batch with no token to train on', () => {
    const advance = trainProgress(plan(40));
    advance({ kind: 'val', iteration: 20, val_loss: 0.4, took_s: 1 });
    expect(advance({ kind: 'saved', iteration: 10 })).to.include({ val_loss: 0.4, iteration: 20 });
    expect(advance(report(30, 0, 0))).to.include({ iteration: 30, eta_s: null });
  });
});
