import { readFile } from 'node:fs/promises';
import { expect } from 'chai';
import fc from 'fast-check';
import { isProgressBar, type LogEvent, plainLines, readLogLine } from '../../../src/core/mlx/mlx-log.ts';
import { refuseNanLoss } from '../../../src/core/mlx/train-progress.ts';

const log = (name: string): Promise<string> =>
  readFile(new URL(`../../fixtures/logs/${name}.log`, import.meta.url), 'utf8');
const eventsOf = (text: string): LogEvent[] =>
  plainLines(text)
    .map(readLogLine)
    .filter((event): event is LogEvent => event !== null);

const short = (event: LogEvent): string => {
  if (event.kind === 'total') return `of ${event.of}`;
  if (event.kind === 'val') return `${event.iteration} val ${event.val_loss}`;
  if (event.kind === 'train') return `${event.iteration} train ${event.train_loss}`;
  return `${event.iteration} saved`;
};

/* The same training, recorded with both versions of mlx_lm. */
const story = [
  'of 45',
  '1 val 1.375',
  '10 train 1.318',
  '20 val 0.437',
  '20 train 0.585',
  '20 saved',
  '30 train 0.389',
  '40 val 0.227',
  '40 train 0.275',
  '40 saved',
  '45 val 0.252',
  '45 train 0.271',
];

describe('core/mlx-log', () => {
  for (const version of ['0.30.7', '0.32.2']) {
    it(`reads a log of mlx_lm ${version}`, async () => {
      expect(eventsOf(await log(`lora-${version}`)).map(short)).to.deep.equal(story);
    });

    it(`stops at the first NaN of mlx_lm ${version}`, async () => {
      const events = eventsOf(await log(`nan-${version}`));
      const stop = events.findIndex((event) => {
        try {
          refuseNanLoss(event);
          return false;
        } catch (error) {
          expect(error).to.include({ code: 'NAN_LOSS' });
          return true;
        }
      });
      expect(events[stop]).to.include({ kind: 'val', iteration: 1 });
    });
  }

  it('takes iteration and loss of the older format', () => {
    const line =
      'Iter 800: Train loss 0.105, Learning Rate 1.000e-04, It/sec 0.316, Tokens/sec 182.530, Trained Tokens 458312, Peak mem 21.437 GB';
    expect(readLogLine(line)).to.deep.equal({
      ...{ kind: 'train', iteration: 800, train_loss: 0.105 },
      ...{ tokens_per_s: 182.53, tokens: 458_312 },
    });
  });

  it('reads thousands, arrows and colours of the newer table', () => {
    expect(
      readLogLine('  \u001b[38;5;244m  20\u001b[0m    \u001b[1;33m6.369 ▲\u001b[0m    1,460    4.9k'),
    ).to.deep.equal({ kind: 'train', iteration: 20, train_loss: 6.369, tokens_per_s: 1460, tokens: 4900 });
    expect(readLogLine('  batch · iters  4 · 1,000')).to.deep.equal({ kind: 'total', of: 1000 });
    expect(readLogLine('  1234    val  inf    0.22s')).to.include({ kind: 'val', val_loss: Number.POSITIVE_INFINITY });
  });

  it('finds the sentence behind a progress bar on the same line', () => {
    const line =
      'Calculating loss...: 100%|##########| 10/10 [00:00<00:00, 12.3it/s]Iter 50: Val loss 0.165, Val took 3.2s';
    expect(readLogLine(line)).to.deep.equal({ kind: 'val', iteration: 50, val_loss: 0.165, took_s: 3.2 });
  });

  it('tells bars from sentences', async () => {
    const lines = plainLines(`${await log('lora-0.30.7')}\n${await log('lora-0.32.2')}`);
    expect(lines.filter(isProgressBar)).to.have.length.greaterThan(5);
    expect(lines.filter((line) => isProgressBar(line) && readLogLine(line) !== null)).to.deep.equal([]);
    expect(isProgressBar('Trainable parameters: 0.231% (70.459M/30532.123M)')).to.equal(false);
  });

  it('never throws and never invents: any other line is null', () => {
    fc.assert(
      fc.property(fc.string(), (line) => readLogLine(`x ${line.replace(/Iter|Starting|batch/g, '')}`) === null),
    );
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (line) => {
        readLogLine(line);
        plainLines(line);
      }),
    );
  });
});
