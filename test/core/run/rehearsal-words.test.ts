import { expect } from 'chai';
import { heldText, rehearsalText } from '../../../src/core/run/rehearsal-words.ts';
import { rehearsal } from '../../helpers/rehearsals.ts';

describe('rehearsalText', () => {
  it('says what was measured, as far as it was', () => {
    expect(rehearsalText(rehearsal())).to.equal('fits (21 GB of 32 GB), 3.1 s per iteration, 52 tokens per second');
    expect(rehearsalText(rehearsal({ verdict: null, limit_bytes: null, eval_tokens_per_s: 4.25 }))).to.equal(
      'memory 21 GB, 3.1 s per iteration, 4.3 tokens per second',
    );
    expect(rehearsalText(rehearsal({ seconds_per_iteration: 0.0488 }))).to.include('49 ms per iteration');
    const nothing = { verdict: null, peak_bytes: null, seconds_per_iteration: null, eval_tokens_per_s: null };
    expect(rehearsalText(rehearsal(nothing))).to.equal('no result');
  });

  it('says why the training would fail, and what to do', () => {
    const error = { cause: 'rows', code: 'BAD_DATA', message: 'Two rows are empty', remedy: 'Remove them.' };
    expect(rehearsalText(rehearsal({ error }))).to.equal('Two rows are empty. Remove them.');
    expect(heldText({ ...error, message: 'Two rows are empty.' })).to.equal('Two rows are empty. Remove them.');
  });
});
