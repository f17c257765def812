import { expect } from 'chai';
import { rehearsals } from '../../../src/core/page/report-rehearsals.ts';
import { cause, rehearsal } from '../../helpers/rehearsals.ts';

describe('rehearsals on the page', () => {
  it('names held runs first, with what to do, and runs with the same result in one line', () => {
    const [fits, held] = [rehearsal({ warnings: ['it is slow'] }), rehearsal({ error: cause })];
    const text = rehearsals([
      { run: 'a-s0', result: fits },
      { run: 'b-s0', result: held },
      { run: 'a-s1', result: fits },
    ]);
    expect(text.split('\n')).to.eql([
      'Held runs do not start. Correct what is wrong, then `phasebox retry RUN` rehearses the run again.',
      '',
      '- b-s0: **held**. It needs 40 GB, and the limit is 32 GB. Use a smaller batch_size.',
      '- a-s0 and a-s1: fits (21 GB of 32 GB), 3.1 s per iteration, 52 tokens per second. warning: it is slow',
    ]);
  });

  it('is empty if no run was rehearsed', () => {
    expect(rehearsals([])).to.equal('');
  });
});
