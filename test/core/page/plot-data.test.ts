import { readFile } from 'node:fs/promises';
import { expect } from 'chai';
import type { TrainStep } from '../../../src/core/mlx/train-progress.ts';
import { trainingSteps } from '../../../src/core/mlx/training.ts';
import { lastNight } from '../../../src/core/page/plot-course.ts';
import { modeData, stageSpans, trainingCurve } from '../../../src/core/page/plot-data.ts';
import { makeRow, modeCounts } from '../../helpers/rows.ts';

const logSteps = async (name: string): Promise<TrainStep[]> =>
  trainingSteps({ progress: null, log: await readFile(`test/fixtures/logs/${name}.log`, 'utf8') });

describe('the data of the plots', () => {
  it('has the losses of both log formats of mlx_lm', async () => {
    for (const version of ['0.30.7', '0.32.2']) {
      const curve = trainingCurve(makeRow(), await logSteps(`lora-${version}`));
      expect(
        curve.train.map(({ iteration }) => iteration),
        version,
      ).to.eql([10, 20, 30, 40, 45]);
      expect(curve.val, version).to.deep.include({ iteration: 20, value: 0.437 });
      expect(curve.scores).to.eql([]);
    }
  });

  it('leaves out a loss that is no number', async () => {
    const { train } = trainingCurve(makeRow(), await logSteps('nan-0.30.7'));
    expect(train.every(({ value }) => Number.isFinite(value))).to.equal(true);
  });

  it('has the scores of checkpoints that a suite chose among', () => {
    const candidates = [
      { iteration: 200, overall: 40, strict: 40, val_loss: null },
      { iteration: 400, overall: null, strict: null, val_loss: 0.2 },
    ];
    const selection = { by: 'suite' as const, suite_sha256: null, same_suite: false, candidates, optimism: null };
    expect(trainingCurve(makeRow({ selection }), []).scores).to.eql([{ iteration: 200, value: 40 }]);
  });

  it('has every attempt of a stage with its time', () => {
    const end = '2026-11-21T23:00:00.000Z';
    const spans = stageSpans('a-s0', [
      { event: 'started', at: end },
      {
        event: 'failed',
        at: end,
        stage: 'fuse',
        attempt: 1,
        code: 'X',
        message: '',
        log: [],
        seconds: 60,
        retry_at: end,
      },
      { event: 'committed', at: end, stage: 'eval', attempt: 1, seconds: 0.5 },
    ]);
    expect(spans).to.eql([
      { run: 'a-s0', stage: 'fuse', start: '2026-11-21T22:59:00.000Z', end, failed: true },
      { run: 'a-s0', stage: 'eval', start: '2026-11-21T22:59:59.500Z', end, failed: false },
    ]);
  });

  it('shows the last night only: what came before a pause of six hours is another', () => {
    const span = (day: number, from: number, to: number) => ({
      start: new Date(Date.UTC(2026, 10, day, from)).toISOString(),
      end: new Date(Date.UTC(2026, 10, day, to)).toISOString(),
    });
    const spans = [span(20, 22, 24), span(21, 1, 12), span(21, 19, 21), span(22, 2, 3), span(21, 20, 27)];
    expect(lastNight(spans)).to.eql(spans.slice(2));
    expect(lastNight([])).to.eql([]);
  });

  it('leaves out runs that were not scored', () => {
    const rows = [makeRow(), makeRow({ run: 'b', modes: null }), makeRow({ run: 'c', modes: modeCounts({}) })];
    expect(modeData(rows).map(({ run }) => run)).to.eql(['43a-s0']);
  });
});
