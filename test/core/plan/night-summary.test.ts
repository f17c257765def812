import { expect } from 'chai';
import type { NightView } from '../../../src/core/plan/night.ts';
import { nightSummary } from '../../../src/core/plan/night-summary.ts';
import type { Row } from '../../../src/events/row.ts';
import { at, makeRow } from '../../helpers/rows.ts';

const view = (runs: number, ...left: NightView['left'][number][]): Pick<NightView, 'left' | 'night'> => ({
  left,
  night: { runs } as NightView['night'],
});
const error: Row['error'] = { code: 'NAN_LOSS', message: 'm', stage: 'train', attempt: 1, log: [] };

describe('core/night-summary', () => {
  it('says how many runs finished and how, the highest score, and what failed', () => {
    const rows = [
      makeRow({ run: 'a', overall: 70, started: at(0), ended: at(50) }),
      makeRow({ run: 'b', overall: 82.4, started: at(50), ended: at(60) }),
      makeRow({ run: 'c', status: 'failed', overall: null, started: null, ended: at(61), error }),
    ];
    expect(nightSummary(rows, view(0))).to.equal(
      '3 runs finished in 1 h 01 min: 2 done, 1 failed. Highest score: 82.4 % (b). Failed: c (NAN_LOSS).',
    );
  });

  it('names every run with the highest score, and what is left', () => {
    const rows = [makeRow({ run: 'a' }), makeRow({ run: 'b' }), makeRow({ run: 'c', status: 'cancelled' })];
    const left = [
      { run: 'd', why: 'held' },
      { run: 'e', why: 'waits for d' },
      { run: 'f', why: 'failed' },
    ];
    expect(nightSummary(rows, view(2, ...left))).to.equal(
      '3 runs finished in 50 min 0 s: 2 done, 1 cancelled. Highest score: 82.4 % (a and b). ' +
        'Left: 2 runs for the next night, 1 held and 1 that starts from one of them.',
    );
  });
});
