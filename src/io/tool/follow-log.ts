import { StringDecoder } from 'node:string_decoder';
import { stripVTControlCharacters } from 'node:util';
import { isException } from '../../core/mlx/diagnose.ts';
import { openText } from '../disk/files.ts';

const poll_ms = 200;

/**
 * Gives every line of a growing log file to `onLine` (colours stripped, split at \r too) until `ended` has settled and
 * the file is read to its end. Rejects with what `onLine` throws.
 */
export async function followLog(path: string, ended: Promise<unknown>, onLine: (line: string) => void): Promise<void> {
  let over = false;
  let wake = (): void => undefined;
  const end = ended.finally(() => {
    over = true;
    wake();
  });
  // Told below, also when it rejects while a line is refused; raced with every pause of a long night it would gather them all.
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

/** Characters of a line that are looked at: a tool that writes gigabytes without a break must not fill the memory. */
const longestLine = 64 * 1024;

/** Cuts chunks of bytes into lines; `end` gives out what stands after the last break. */
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
  const handle = await openText(path);
  // The wrapper makes the log a moment after it was spawned.
  if (handle === null) return 0;
  try {
    const chunk = Buffer.alloc(64 * 1024);
    let total = 0;
    for (;;) {
      const { bytesRead } = await handle.read(chunk, 0, chunk.length, position + total);
      if (bytesRead === 0) return total;
      take(Buffer.from(chunk.subarray(0, bytesRead)));
      total += bytesRead;
    }
  } finally {
    await handle.close();
  }
}

/** Characters of a line that are kept: lines go into journal and row, and the row into the environment of a command. */
const keptLine = 2000;

/**
 * At most `count` of the last lines of a log, the start of each, progress bars left out; empty when there is no log. When the
 * last exception is further up, as before a long list of names, the first half is what begins with it.
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
