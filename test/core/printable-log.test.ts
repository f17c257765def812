import { expect } from 'chai';
import { printableLog } from '../../src/core/printable.ts';

describe('a log of a tool on the terminal', () => {
  it('keeps its lines and progress bars, and loses colours', () => {
    expect(printableLog('\u001b[32mloss\u001b[0m 1\n\ta\r10%\r20%\r\n漢 👩‍👧\n')).to.equal(
      'loss 1\n\ta\r10%\r20%\r\n漢 👩‍👧\n',
    );
  });

  it('shows what would ring, clear the screen or set a title, also where it is cut', () => {
    for (const text of [
      '\u0007',
      '\u001b[2J\u0007',
      '\u001b]0;title\u0007x',
      'a\u009b2J',
      '\u001b',
      '\u001b[3',
      '\0\b\u007f',
    ])
      expect(printableLog(text), JSON.stringify(text)).to.not.match(/[^\P{Cc}\n\r\t]/u);
  });
});
