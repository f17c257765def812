import { setFlagsFromString } from 'node:v8';
import { DamagedFile, messageOf } from '../../core/errors.ts';
import { writePages } from './pages.ts';
import { type PagesReply, pagesOrder } from './pages-process.ts';

/** The process that writes the pages once, for `up`. Its memory (mostly Vega's) is free when it ends. */

// By default V8 optimizes what has run for a few ms. A process that lives for a second does not get that time back:
// with eight times the budget the pages take a quarter less of the CPU. A V8 without this flag only says so.
setFlagsFromString('--interrupt-budget=1000000');

async function reply(message: unknown): Promise<PagesReply> {
  try {
    const { only, ...workspace } = pagesOrder.parse(message);
    const { warnings } = await writePages(workspace, new Set(only));
    return { kind: 'written', warnings };
  } catch (error) {
    const text = messageOf(error);
    return {
      kind: 'failed',
      message: text,
      stack: error instanceof Error ? (error.stack ?? text) : text,
      passes: passes(error),
    };
  }
}

/** Whether the error can be transient: the disk refused, or something else is in the place of one of our files. */
const passes = (error: unknown): boolean =>
  error instanceof DamagedFile || (error instanceof Error && 'errno' in error && typeof error.errno === 'number');

// Ctrl-C reaches every process of the terminal. The process that handles the stop decides what is still written.
process.on('SIGINT', () => undefined);
process.on('disconnect', () => process.exit());
process.once('message', (message) => {
  void reply(message).then((answer) => process.send?.(answer, () => process.disconnect()));
});
