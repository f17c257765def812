import { expect } from 'chai';
import { curveHeader, curveLines, trainingCurvePoints } from '../../../src/core/mlx/curve.ts';
import { rowTable } from '../../../src/core/run/row-table.ts';
import { csvTable } from '../../helpers/csv.ts';
import { at, makeRow } from '../../helpers/rows.ts';

describe('core/row-table', () => {
  it('has a header and a line for each run, with unknown values empty', () => {
    const failed = makeRow({
      ...{ run: 'b', variant: 'q4', seed: null, status: 'failed', overall: null, strict: null, categories: null },
      ...{ strict_categories: null, modes: null, seconds: { train: 3 }, started: null },
      metrics: { val_loss: null, train_loss: null },
      error: { code: 'NAN_LOSS', message: 'a, "b"\nc', stage: 'train', attempt: 1, log: [] },
    });
    const [done, lost] = csvTable(rowTable([makeRow({ verdict: 'pass', outcome: 'high, really' }), failed]));
    expect(done).to.include({
      ...{ run: '43a-s0', phase: '43a', variant: '', seed: '0', status: 'done', overall: '82.4', strict: '80.6' },
      ...{ 'category.domain': '60', 'category.git': '100', 'strict_category.domain': '55', 'mode.wrapped': '25' },
      ...{ verdict: 'pass', outcome: 'high, really', val_loss: '0.21', train_loss: '0.1', seconds: '2896' },
      ...{ 'seconds.train': '2520', 'seconds.quantize': '', peak_disk_bytes: String(2 ** 30), started: at(0) },
    });
    expect(lost).to.include({
      ...{ run: 'b', variant: 'q4', seed: '', overall: '', 'category.git': '', 'mode.wrapped': '', started: '' },
      ...{ 'error.code': 'NAN_LOSS', 'error.message': 'a, "b"\nc', seconds: '3' },
    });
  });

  it('is only a header without rows, and quotes the names of categories', () => {
    expect(rowTable([]).trimEnd().split('\n')).to.have.length(1);
    expect(rowTable([])).to.match(/^run,phase,variant,seed,/);
    const [row] = csvTable(rowTable([makeRow({ categories: { 'a,"b"': 1 }, strict_categories: {} })]));
    expect(row).to.include({ 'category.a,"b"': '1', 'strict_category.a,"b"': '' });
  });
});

describe('core/curve', () => {
  const event = (fields: object): string => JSON.stringify({ time: 1, ...fields });
  const report = (iteration: number, train_loss: number | string, more: object = {}): string =>
    event({ event: 'report', iteration, train_loss, iterations_per_second: 2, peak_memory_gb: 1.5, ...more });
  const start = event({ event: 'start' });

  it('has the train and val losses in order, with what was reported together with them', () => {
    const progress = [
      start,
      event({ event: 'validation', iteration: 1, val_loss: 3, val_seconds: 1 }),
      report(10, 2, { learning_rate: 1e-5, tokens_per_second: 400, seconds: 5 }),
      report(20, 'nan'),
    ].join('\n');
    const points = csvTable(`${curveHeader}${curveLines({ run: 'a', phase: 'p' }, { progress, log: null })}`);
    expect(points.map(({ kind, iteration, loss }) => [kind, iteration, loss])).to.eql([
      ['val', '1', '3'],
      ['train', '10', '2'],
      ['train', '20', 'nan'],
    ]);
    expect(points[1]).to.include({ run: 'a', learning_rate: '0.00001', tokens_per_second: '400', seconds: '5' });
    expect(points[1]).to.include({ peak_memory_bytes: '1500000000', iterations_per_second: '2' });
    expect(points[0]).to.include({ learning_rate: '', seconds: '' });
  });

  it('has once what a resumed training computed again, by its last report', () => {
    const resumed = event({ event: 'resumed', iteration: 10 });
    const progress = [start, report(10, 2), report(20, 9), start, resumed, report(20, 1, { seconds: 7 })].join('\n');
    const points = trainingCurvePoints({ progress, log: null });
    expect(points.map(({ iteration, loss, seconds }) => [iteration, loss, seconds])).to.eql([
      [10, 2, null],
      [20, 1, 7],
    ]);
  });

  it('reads the log of a training without events, and is empty without both', () => {
    const log = 'Iter 10: Train loss 2.500, Learning Rate 1.000e-05, It/sec 2.0, Tokens/sec 120.5, Trained Tokens 600';
    expect(trainingCurvePoints({ progress: null, log })).to.have.length(1);
    expect(trainingCurvePoints({ progress: null, log })[0]).to.include({ loss: 2.5, tokens_per_second: 120.5 });
    expect(trainingCurvePoints({ progress: null, log: null })).to.eql([]);
  });
});
