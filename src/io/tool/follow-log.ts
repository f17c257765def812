import { StringDecoder } from 'node:string_decoder';
import { stripVTControlCharacters } from 'node:util';
import { isException } from '../../core/mlx/diagnose.ts';
import { useText } from '../disk/files.ts';

const poll_ms = 200;

/**
 * Passes every line of a growing log to `onLine`, without colours, also split at \r, until `ended` has settled and all
 * is read. Rejects with what `onLine` throws.
 */
export async function followLog(path: string, ended: Promise<unknown>, onLine: (line: string) => void): Promise<void> {
  let over = false;
  let wake = (): void => undefined;
  const end = ended.finally(() => {
    over = true;
    wake();
  });
  // Handled below, also if it rejects while a line is refused. A race with every pause would accumulate handlers.
  end.catch(() => undefined);
  const lines = splitter(onLine);
  let position = 0;
  for (;;) {
    const last = over;
    position += await readFrom(path, position, lines.take);
    if (last) break;
    if (!over)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, poll_ms);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    if (over) await end;
  }
  lines.end();
}

/** Characters of a line that are read: a tool that writes gigabytes without a line break must not fill the memory. */
const longestLine = 64 * 1024;

/** Splits chunks of bytes into lines. `end` emits the text after the last line break. */
function splitter(onLine: (line: string) => void): { take(chunk: Buffer): void; end(): void } {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  const give = (line: string): void => {
    const plain = stripVTControlCharacters(line).trimEnd();
    if (plain !== '') onLine(plain);
  };
  return {
    take(chunk) {
      const lines = (rest + decoder.write(chunk)).split(/\r\n|\n|\r/);
      rest = (lines.pop() ?? '').slice(0, longestLine);
      for (const line of lines) give(line);
    },
    end() {
      give(rest + decoder.end());
      rest = '';
    },
  };
}

async function readFrom(path: string, position: number, take: (chunk: Buffer) => void): Promise<number> {
  const total = await useText(path, async (file) => {
    const chunk = Buffer.alloc(64 * 1024);
    for (let at = position; ; ) {
      const { bytesRead } = await file.read(chunk, 0, chunk.length, at);
      if (bytesRead === 0) return at - position;
      take(Buffer.from(chunk.subarray(0, bytesRead)));
      at += bytesRead;
    }
  });
  // The wrapper makes the log a moment after it was spawned.
  return total ?? 0;
}

/** Characters of a line that are kept: lines are copied to journal and row, and a row to a command's environment. */
const keptLine = 2000;

/**
 * At most `count` of the last lines of a log, cut at their end, without progress bars. Empty if there is no log. If the
 * last exception is further up, for example before a long list of names, the first half begins with it.
 */
export async function logTail(path: string, count: number): Promise<string[]> {
  const lines: string[] = [];
  const raised: string[] = [];
  let since = Number.POSITIVE_INFINITY;
  await followLog(path, Promise.resolve(), (line) => {
    if (/\d%\|.*\|/.test(line)) return;
    const kept = line.length > keptLine ? `${line.slice(0, keptLine - 1)}…` : line;
    if (isException(kept)) {
      raised.length = 0;
      since = 0;
    }
    since += 1;
    if (raised.length < count / 2 && since <= count / 2) raised.push(kept);
    lines.push(kept);
    if (lines.length > count) lines.shift();
  });
  return raised.length === 0 || since <= count ? lines : [...raised, ...lines.slice(raised.length - count)];
}
