import { expect } from 'chai';
import { type LogEvent, trainProgress } from '../../../src/core/mlx/mlx-log.ts';

const report = (iteration: number, train_loss: number): LogEvent => ({
  ...{ kind: 'train', iteration, train_loss },
});

describe('core/train-progress', () => {
  it('knows the total from the plan, or from the log', () => {
    expect(trainProgress(800)(report(10, 1), 0)).to.include({ iteration: 10, of: 800, loss: 1, eta_s: null });
    const advance = trainProgress(null);
    advance({ kind: 'total', of: 100 }, 0);
    advance(report(10, 1), 1000);
    expect(advance(report(20, 0.5), 11_000)).to.include({ iteration: 20, of: 100, loss: 0.5, eta_s: 80 });
  });

  it('goes by the last reports: a training that slows down takes longer', () => {
    const advance = trainProgress(1000);
    for (let step = 1; step <= 20; step++) advance(report(step * 10, 1), step * 1000);
    let eta = 0;
    for (let step = 21; step <= 40; step++) eta = advance(report(step * 10, 1), 20_000 + (step - 20) * 5000).eta_s ?? 0;
    expect(eta).to.equal(300);
  });

  it('takes no speed from a log that is read again in one go', () => {
    const advance = trainProgress(800);
    for (let step = 1; step <= 40; step++) advance(report(step * 10, 1), step);
    expect(advance(report(400, 1), 40).eta_s).to.equal(null);
    expect(advance(report(410, 1), 31_040).eta_s).to.be.closeTo(1209, 3);
  });

  it('keeps the val loss, and does not go back', () => {
    const advance = trainProgress(40);
    advance({ kind: 'val', iteration: 20, val_loss: 0.4 }, 0);
    expect(advance({ kind: 'saved', iteration: 10 }, 10)).to.include({ val_loss: 0.4, iteration: 20 });
  });
});
