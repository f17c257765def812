import type { WriteStream } from 'node:tty';
import type { Logger } from 'pino';
import { printable, printableLines } from '../../core/printable.ts';
import { hasCode } from '../../io/disk/files.ts';

/** The output of `up`: lines that stay, and on a terminal lines below them that change. */
export interface Screen {
  line(text: string): void;
  /** Replaces the changing lines. Does nothing if the output is not a terminal. */
  live(lines: readonly string[]): void;
  close(): void;
}

const up = (count: number): string => (count === 0 ? '\r' : `\x1b[${count}A\r`);
const clearBelow = '\x1b[J';

/**
 * Writes to a terminal (moves the cursor) or a pipe (plain lines). Nothing more is written without a reader (a dead
 * `tee`, a closed terminal). This, or a disk that refuses, calls `onTrouble` once for each kind.
 */
export function openScreen(
  output: WriteStream | NodeJS.WritableStream,
  onTrouble: (error: Error, gone: boolean) => void,
): Screen {
  let gone = false;
  const reported = new Set<string>();
  output.on('error', (error: Error) => {
    gone ||= hasCode(error, 'EPIPE', 'EIO');
    if (!reported.has(error.message)) onTrouble(error, gone);
    reported.add(error.message);
  });
  const write = (text: string): void => {
    if (!gone) output.write(text);
  };
  const isTerminal = 'isTTY' in output && output.isTTY === true;
  let shown: readonly string[] = [];
  const width = (): number =>
    'columns' in output && typeof output.columns === 'number' && output.columns > 0 ? output.columns : 80;
  const draw = (lines: readonly string[], above: string): void => {
    const cut = lines.map((line) => printable(line).slice(0, Math.max(10, width() - 1)));
    write(`${up(shown.length)}${clearBelow}${above}${cut.map((line) => `${line}\n`).join('')}`);
    shown = cut;
  };
  return {
    line(text) {
      const line = `${printableLines(text)}\n`;
      if (isTerminal) draw(shown, line);
      else write(line);
    },
    live(lines) {
      if (isTerminal && lines.join('\n') !== shown.join('\n')) draw(lines, '');
    },
    close() {
      if (isTerminal && shown.length > 0) draw([], '');
    },
  };
}

/** The screen on standard output. What goes wrong with it is in the log. */
export const openStandardOutput = (log: Logger): Screen =>
  openScreen(process.stdout, (error, gone) => {
    const what = gone ? 'the output has no reader left: it continues without output' : 'the output is not written';
    log.warn({ err: error }, what);
  });
