import { expect } from 'chai';
import { diagnose } from '../src/core/mlx/diagnose.ts';
import { isProgressBar, plainLines, readLogLine } from '../src/core/mlx/mlx-log.ts';
import { printable } from '../src/core/printable.ts';
import { judge } from '../src/core/score/score.ts';
import { parseTolerant } from '../src/core/score/tolerant-json.ts';
import { onOneLine } from '../src/core/words.ts';
import { prompt } from '../src/events/suite.ts';
import { withoutSecrets } from '../src/io/logger.ts';
import { tooLong } from './helpers/event-loop.ts';

const KB = 1000;
/** So many characters of a text, over and over. */
const of = (characters: number, unit: string): string => unit.repeat(Math.ceil(characters / unit.length));

describe('nothing that a file holds stops the event loop for more than 100 ms', () => {
  it('a line of a log: shown, diagnosed, without its secrets', async () => {
    const units = ['a', 'KEY', 'a://b:', '?token', '1', 'cuda(', 'ImportError: ', ' ', '\u001b[', 'A="', "A='"];
    const lines = [...units.map((unit) => of(100 * KB, unit)), `Iter 1: Saved adapter weights to ${of(100 * KB, '0')}`];
    const readers = {
      withoutSecrets,
      printable,
      onOneLine,
      plainLines,
      readLogLine,
      isProgressBar,
      diagnose: (line: string) => diagnose(1, [line]),
    };
    const works = Object.entries(readers).flatMap(([name, read]) =>
      lines.map((line) => [`${name}: ${printable(line.slice(0, 40))}`, () => read(line)] as const),
    );
    expect(await tooLong(Object.fromEntries(works))).to.eql([]);
  });

  it('an answer of a model that loops: read and scored', async () => {
    const one = prompt.parse({ id: 'x', category: 'a', prompt: 'x', expect: ['lint'] });
    const marks = [
      '</think>',
      '<think>',
      '<tool_call>{',
      '<tool_call>{"name":',
      '<tool_call>{"name": "a',
      '<function=a>',
    ];
    const score = (message: object) => () =>
      judge(one, 'execute_code', { prompt: 'x', repeat: 0, error: null, response: { choices: [{ message }] } });
    const works = Object.fromEntries(marks.map((mark) => [mark, score({ content: of(200 * KB, mark) })]));
    const cut = { function: { name: 'execute_code', arguments: `{"code": "${of(100 * KB, '\\"')}` } };
    expect(
      await tooLong({
        ...works,
        'a call that was cut': score({ tool_calls: [cut] }),
        'torn JSON': () => expect(() => parseTolerant(of(100 * KB, '\\"'))).to.throw(SyntaxError),
      }),
    ).to.eql([]);
    // Not measured: it is scored on the main thread, which 10 MB hold for longer. It overflowed a regular expression's stack.
    const long = score({ content: `<tool_call>{"name": "${of(10_000 * KB, 'a')}"` })();
    expect(long.mode).to.equal('wrong_tool');
  });
});
