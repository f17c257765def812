import { expect } from 'chai';
import {
  isLasting,
  nothingMeasured,
  readReport,
  tokensPerSecond,
  withEval,
} from '../../../src/core/run/rehearsal-report.ts';
import { cause, rehearsal } from '../../helpers/rehearsals.ts';

/** A log with the result of python/rehearse.py; `changed` wins. */
const log = (changed: object = {}): string => {
  const found = {
    ...{ version: 1, verdict: 'fits', memory: { peak_bytes: 5, limit_bytes: 9, recommended_bytes: null } },
    seconds: { iteration: 2, validation_batch: 1, load: 3 },
    ...{ warnings: [], error: null },
    ...changed,
  };
  return `loading\n${JSON.stringify(found)}\nleaked semaphore\n`;
};
const error = (kind: string, word = 'bad_rows') => ({ cause: word, kind, message: 'It fails.', remedy: 'Repair it.' });

describe('readReport', () => {
  it('finds the result in a log, and what was measured', () => {
    const measured = {
      verdict: 'fits',
      peak_bytes: 5,
      limit_bytes: 9,
      seconds_per_iteration: 2,
      seconds_per_val_batch: 1,
    };
    expect(readReport(log())).to.deep.equal({ ...measured, eval_tokens_per_s: null, error: null });
    expect(readReport('Traceback\n{"version": 2}\n')).to.equal(null);
    expect(readReport('')).to.equal(null);
  });

  it('holds for a known cause that does not pass, and only warns for others', () => {
    const held = readReport(log({ verdict: null, error: error('BAD_DATA') }));
    expect(held?.error).to.deep.equal({
      cause: 'bad_rows',
      code: 'BAD_DATA',
      message: 'It fails.',
      remedy: 'Repair it.',
    });
    expect(held).not.to.have.property('warnings');
    for (const passing of [error('TOOL_FAILED', 'unknown'), error('DISK_FULL', 'disk_full')]) {
      const warned = readReport(log({ error: passing }));
      expect(warned?.error, passing.kind).to.equal(null);
      expect(warned?.warnings?.join(), passing.kind).to.match(/rehearsal itself failed.*It fails\./);
    }
    expect(isLasting('OUT_OF_MEMORY')).to.equal(true);
    expect(isLasting('GPU_FAULT')).to.equal(false);
    expect(isLasting('A_CODE_OF_A_LATER_VERSION')).to.equal(true);
  });

  it('warns if the memory is tight', () => {
    expect(readReport(log({ verdict: 'tight', warnings: ['slow'] }))?.warnings).to.have.length(2);
  });
});

describe('withEval', () => {
  it('adds the speed of the answers, their error and warnings', () => {
    const asked = { tokens_per_s: 40, error: cause, warnings: ['odd'] };
    expect(withEval(rehearsal(), asked)).to.deep.equal(
      rehearsal({ eval_tokens_per_s: 40, error: cause, warnings: ['odd'] }),
    );
    expect(withEval(nothingMeasured, { tokens_per_s: null, error: null, warnings: [] })).not.to.have.property(
      'warnings',
    );
  });
});

describe('tokensPerSecond', () => {
  const answer = (tokens: number, seconds: number) => ({ tokens, seconds });

  it('leaves out the time in which the prompt is read', () => {
    expect(tokensPerSecond(answer(1, 4), answer(32, 4.775))).to.be.closeTo(40, 0.01);
  });

  it('uses the whole second answer if its prompt was in the cache, and nothing of a short answer', () => {
    expect(tokensPerSecond(answer(1, 4), answer(32, 0.8))).to.equal(40);
    expect(tokensPerSecond(answer(1, 4), answer(3, 4.2))).to.equal(null);
  });
});
