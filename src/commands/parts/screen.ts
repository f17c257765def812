import type { WriteStream } from 'node:tty';
import { printable, printableLines } from '../../core/printable.ts';
import { hasCode } from '../../io/disk/files.ts';

/** Where `up` tells what happens: lines that stay, and below them, on a terminal, lines that change. */
export interface Screen {
  line(text: string): void;
  /** Replaces the changing lines; does nothing when the output is not a terminal. */
  live(lines: readonly string[]): void;
  /** Takes the changing lines away. */
  close(): void;
}

const up = (count: number): string => (count === 0 ? '\r' : `\x1b[${count}A\r`);
const clearBelow = '\x1b[J';

/**
 * Writes to a terminal (cursor moves) or a pipe (plain lines only). When nobody reads it any more (a dead `tee`, a closed
 * terminal) nothing more is written; this, or a disk that refuses, is told to `onTrouble`, each kind once.
 */
export function openScreen(
  output: WriteStream | NodeJS.WritableStream,
  onTrouble: (error: Error, gone: boolean) => void,
): Screen {
  let gone = false;
  const told = new Set<string>();
  output.on('error', (error: Error) => {
    gone ||= hasCode(error, 'EPIPE', 'EIO');
    if (!told.has(error.message)) onTrouble(error, gone);
    told.add(error.message);
  });
  const write = (text: string): void => {
    if (!gone) output.write(text);
  };
  const isTerminal = 'isTTY' in output && output.isTTY === true;
  let shown: readonly string[] = [];
  const width = (): number => ('columns' in output && typeof output.columns === 'number' ? output.columns : 80);
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
