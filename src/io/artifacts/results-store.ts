import { open, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { openKeyedLock } from '../../core/keyed-lock.ts';
import { mergeMarked } from '../../core/page/merge-marked.ts';
import type { Row } from '../../events/row.ts';
import { ifAbsent, readText, useFile, writeWhole } from '../disk/files.ts';
import { moveAside } from '../disk/own-file.ts';
import { type DamagedLine, openResults, resultsFile, takeRows } from './results-file.ts';

/** Bytes of a text as latin1, in which every byte is a character. */
const latin1 = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');

const readBytes = (path: string): Promise<string | null> => readText(path, 'latin1');

/** Writers of one process take turns, each from reading to renaming. */
const inTurn = openKeyedLock();

const writeBytes = (path: string, latin1: string, mode?: number): Promise<void> =>
  writeWhole(path, Buffer.from(latin1, 'latin1'), mode);

/** Appends lines that are not in the file yet, so that after a crash between this and the rename each is kept once. */
async function appendOnce(path: string, lines: readonly { readonly text: string }[]): Promise<void> {
  const before = (await readBytes(path).catch((error: unknown) => moveAside(error).then(() => null))) ?? '';
  const known = new Set(before.split('\n'));
  const fresh = lines.filter(({ text }) => !known.has(text));
  const gap = before === '' || before.endsWith('\n') ? '' : '\n';
  if (fresh.length > 0) await writeBytes(path, `${before}${gap}${fresh.map(({ text }) => `${text}\n`).join('')}`);
}

async function keepAside(artifacts: string, damaged: readonly DamagedLine[]): Promise<string[]> {
  if (damaged.length === 0) return [];
  const path = `${resultsFile(artifacts)}.damaged`;
  await appendOnce(path, damaged);
  return damaged.map(({ line, why }) => `results.jsonl, line ${line} was moved to ${path}: ${why}`);
}

/** Lines by run, as bytes, so that other rows are written back unchanged. */
type Lines = Map<string, Buffer>;

const newline = Buffer.from('\n');

/** results.jsonl as this process left it. A row that comes last is then written without reading the others. */
const left = new Map<string, { fingerprint: string; runs: Set<string>; last: string | undefined }>();

async function remember(artifacts: string, lines: Iterable<string>): Promise<void> {
  const runs = new Set(lines);
  const { text } = await fingerprint(resultsFile(artifacts));
  left.set(artifacts, { fingerprint: text, runs, last: [...runs].at(-1) });
}

/** For the owner of the workspace: renames an unreadable thing in the place of results.jsonl. Returns warnings. */
export function clearResults(artifacts: string): Promise<readonly string[]> {
  return inTurn(artifacts, () => clear(artifacts));
}

async function clear(artifacts: string): Promise<readonly string[]> {
  try {
    await (await openResults(artifacts))?.close();
    return [];
  } catch (error) {
    return [await moveAside(error)];
  }
}

async function rewrite(artifacts: string, change: (stored: Lines) => Lines): Promise<string[]> {
  const cleared = await clear(artifacts);
  const { taken, damaged } = await takeRows(artifacts, (_row, line) => line);
  const warnings = [...cleared, ...(await keepAside(artifacts, damaged))];
  const lines = change(taken);
  await writeWhole(resultsFile(artifacts), Buffer.concat([...lines.values()].flatMap((line) => [line, newline])));
  await remember(artifacts, lines.keys());
  return warnings;
}

/** Appends the row, if no other process has written since and the run has none. Returns whether it did. */
async function append(artifacts: string, row: Row, comesAfter: (run: string) => boolean): Promise<boolean> {
  const path = resultsFile(artifacts);
  const known = left.get(artifacts);
  if (known?.last === undefined || known.runs.has(row.run) || !comesAfter(known.last)) return false;
  if ((await fingerprint(path)).text !== known.fingerprint) return false;
  // If anything fails from here on, the state of the file is not known, and the next row reads it completely.
  left.delete(artifacts);
  await useFile(open(path, 'a'), async (file) => {
    const { size } = await file.stat();
    await file.appendFile(`${JSON.stringify(row)}\n`).catch(async (error: unknown) => {
      // On a full disk, a part of it may have been written.
      await file.truncate(size);
      throw error;
    });
    await file.sync();
  });
  known.runs.add(row.run);
  left.set(artifacts, { ...known, fingerprint: (await fingerprint(path)).text, last: row.run });
  return true;
}

/** Puts a row in its place by `orderOf`, instead of the run's earlier one. Returns warnings of damaged lines. */
export function upsertRow(artifacts: string, row: Row, orderOf: (run: string) => number): Promise<string[]> {
  const place = (run: string): number => {
    const order = orderOf(run);
    // Of a removed or forgotten run. At the end of the file, it would keep every later row from being appended.
    return Number.isNaN(order) ? Number.NEGATIVE_INFINITY : order;
  };
  return inTurn(artifacts, async () => {
    if (await append(artifacts, row, (last) => place(last) <= place(row.run))) return [];
    return rewrite(artifacts, (stored) => {
      stored.set(row.run, Buffer.from(JSON.stringify(row)));
      // a difference of two infinities is NaN, which would make the order arbitrary
      const ordered = [...stored].sort(([a], [b]) => (place(a) === place(b) ? 0 : place(a) < place(b) ? -1 : 1));
      return new Map(ordered);
    });
  });
}

/** The runs whose rows were in the file when this process last wrote to it. Undefined if that is not known. */
export const writtenRuns = (artifacts: string): ReadonlySet<string> | undefined => left.get(artifacts)?.runs;

/** Removes the row of a run, so that its place is free for the next one. Returns warnings as `upsertRow` does. */
export function removeRow(artifacts: string, run: string): Promise<string[]> {
  return inTurn(artifacts, () =>
    rewrite(artifacts, (stored) => {
      stored.delete(run);
      return stored;
    }),
  );
}

/** Moves rows of removed runs whose names are used again to results.jsonl.old. Nothing reads that. Returns warnings. */
export function retireRows(artifacts: string, rows: readonly Pick<Row, 'run'>[]): Promise<string[]> {
  return inTurn(artifacts, async () => {
    if (rows.length === 0) return [];
    const { taken } = await takeRows(artifacts, (_row, line) => line);
    const old = rows.flatMap(({ run }) => taken.get(run) ?? []);
    if (old.length === 0) return [];
    const lines = old.map((line) => ({ text: line.toString('latin1') }));
    await appendOnce(`${resultsFile(artifacts)}.old`, lines);
    return rewrite(artifacts, (all) => {
      for (const { run } of rows) all.delete(run);
      return all;
    });
  });
}

const pageFile = (artifacts: string): string => join(artifacts, 'COMPARISON.md');

/** The page's own file: a person may keep it elsewhere and link to it. */
async function pageTarget(artifacts: string): Promise<string> {
  return realpath(pageFile(artifacts)).catch(ifAbsent(pageFile(artifacts)));
}

async function fingerprint(path: string): Promise<{ readonly text: string; readonly mode: number | undefined }> {
  const found = await stat(path, { bigint: true }).catch(ifAbsent(null));
  if (found === null) return { text: 'none', mode: undefined };
  return { text: `${found.ino} ${found.size} ${found.mtimeNs}`, mode: Number(found.mode & 0o777n) };
}

/** Puts the rendered comparison between its marks in COMPARISON.md, whose other bytes stay. Returns the file's path. */
export function writeComparison(artifacts: string, rendered: string): Promise<string> {
  return inTurn(artifacts, async () => {
    const path = await pageTarget(artifacts);
    for (;;) {
      const before = await fingerprint(path);
      const existing = await readBytes(path);
      const merged = mergeMarked(existing, latin1(rendered));
      if (merged === existing) return path;
      if ((await fingerprint(path)).text !== before.text) continue; // a person has saved it meanwhile
      await writeBytes(path, merged, before.mode);
      return path;
    }
  });
}
