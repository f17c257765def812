import { chmod, open, realpath, rename, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { mergeMarked } from '../../core/page/merge-marked.ts';
import { type Row, row as rowSchema } from '../../events/row.ts';
import { hasCode, readText, sync } from '../disk/files.ts';
import { nonce } from '../disk/nonce.ts';

/** A line of results.jsonl that is no row. `text` holds its bytes, read as latin1. */
export interface DamagedLine {
  /** From 1. */
  readonly line: number;
  readonly text: string;
  readonly why: string;
}

/** What results.jsonl holds. A run that occurs twice counts once, as its last line has it. */
export interface Results {
  readonly rows: Row[];
  readonly damaged: readonly DamagedLine[];
}

interface StoredRow {
  readonly row: Row;
  /** The line's bytes, read as latin1: rows that are not touched are written back as they were. */
  readonly text: string;
}

const resultsFile = (artifacts: string): string => join(artifacts, 'results.jsonl');

/** Fields that a later version added are kept and not an error. */
const storedRow = rowSchema.loose();

const latin1 = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');

const readBytes = (path: string): Promise<string | null> => readText(path, 'latin1');

function parseLine(text: string): { readonly row: Row } | { readonly why: string } {
  try {
    const parsed = storedRow.safeParse(JSON.parse(Buffer.from(text, 'latin1').toString('utf8')));
    if (parsed.success) return { row: parsed.data };
    const [issue] = parsed.error.issues;
    return { why: `it is no row: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}` };
  } catch (error) {
    return { why: `it is no JSON: ${error instanceof Error ? error.message : String(error)}` };
  }
}

/** `concerns`: which lines are looked at, since parsing is what takes time; absent: all. */
async function readStored(
  artifacts: string,
  concerns: (text: string) => boolean = () => true,
): Promise<{ stored: Map<string, StoredRow>; damaged: DamagedLine[] }> {
  const stored = new Map<string, StoredRow>();
  const damaged: DamagedLine[] = [];
  const lines = ((await readBytes(resultsFile(artifacts))) ?? '').split('\n');
  for (const [index, text] of lines.entries()) {
    if (text.trim() === '' || !concerns(text)) continue;
    const parsed = parseLine(text);
    if ('row' in parsed) stored.set(parsed.row.run, { row: parsed.row, text });
    else damaged.push({ line: index + 1, text, why: parsed.why });
  }
  return { stored, damaged };
}

/** Reads results.jsonl without changing it. */
export async function readResults(artifacts: string): Promise<Results> {
  const { stored, damaged } = await readStored(artifacts);
  return { rows: [...stored.values()].map(({ row }) => row), damaged };
}

/** All rows, in order of acceptance. */
export async function readRows(artifacts: string): Promise<Row[]> {
  return (await readResults(artifacts)).rows;
}

/** The rows of one phase; names that differ only in case are one. */
export async function readPhaseRows(artifacts: string, phase: string): Promise<Row[]> {
  const name = phase.toLowerCase();
  const { stored } = await readStored(artifacts, (text) => text.toLowerCase().includes(`"${name}"`));
  return [...stored.values()].flatMap(({ row }) => (row.phase.toLowerCase() === name ? [row] : []));
}

/** Writers of one process take turns, each from reading to renaming. */
const turns = new Map<string, Promise<unknown>>();

function inTurn<T>(artifacts: string, work: () => Promise<T>): Promise<T> {
  const next = (turns.get(artifacts) ?? Promise.resolve()).then(work, work);
  turns.set(artifacts, next);
  return next;
}

async function writeBytes(path: string, bytes: string, mode?: number): Promise<void> {
  const temporary = join(dirname(path), `.${nonce()}.${basename(path)}.tmp`);
  const handle = await open(temporary, 'w');
  try {
    await handle.writeFile(bytes, 'latin1');
    await handle.sync();
  } finally {
    await handle.close();
  }
  if (mode !== undefined) await chmod(temporary, mode);
  await rename(temporary, path);
  await sync(dirname(path));
}

/** Appends lines that are not there yet, so that a crash between this and the rename keeps each once. */
async function appendOnce(path: string, lines: readonly { readonly text: string }[]): Promise<void> {
  const before = (await readBytes(path)) ?? '';
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

type Change = (stored: Map<string, StoredRow>) => readonly StoredRow[];

async function rewrite(artifacts: string, change: Change): Promise<string[]> {
  const { stored, damaged } = await readStored(artifacts);
  const warnings = await keepAside(artifacts, damaged);
  const lines = change(stored).map(({ text }) => `${text}\n`);
  await writeBytes(resultsFile(artifacts), lines.join(''));
  return warnings;
}

/**
 * Puts a row in its place (order of acceptance: `orderOf` gives the number of a run), instead of the run's earlier row.
 * Returns warnings: lines that were no rows and are now in results.jsonl.damaged.
 */
export function upsertRow(artifacts: string, row: Row, orderOf: (run: string) => number): Promise<string[]> {
  return inTurn(artifacts, () =>
    rewrite(artifacts, (stored) => {
      stored.set(row.run, { row, text: latin1(JSON.stringify(row)) });
      const place = ({ row: { run } }: StoredRow): number => {
        const order = orderOf(run);
        return Number.isNaN(order) ? Number.POSITIVE_INFINITY : order;
      };
      // a difference of two infinities is NaN, which would leave the order to chance
      return [...stored.values()].sort((a, b) => (place(a) === place(b) ? 0 : place(a) < place(b) ? -1 : 1));
    }),
  );
}

/** Takes the row of a run out; its place is free for the next one. Returns warnings as `upsertRow` does. */
export function removeRow(artifacts: string, run: string): Promise<string[]> {
  return inTurn(artifacts, () =>
    rewrite(artifacts, (stored) => {
      stored.delete(run);
      return [...stored.values()];
    }),
  );
}

/**
 * Moves rows to results.jsonl.old, where nothing reads them: they are of runs whose folders were removed, and whose names
 * are given again. Returns warnings as `upsertRow` does.
 */
export function retireRows(artifacts: string, rows: readonly Pick<Row, 'run'>[]): Promise<string[]> {
  return inTurn(artifacts, async () => {
    const { stored } = await readStored(artifacts);
    const old = rows.flatMap(({ run }) => stored.get(run) ?? []);
    if (old.length === 0) return [];
    await appendOnce(`${resultsFile(artifacts)}.old`, old);
    return rewrite(artifacts, (all) => {
      for (const { row } of old) all.delete(row.run);
      return [...all.values()];
    });
  });
}

const pageFile = (artifacts: string): string => join(artifacts, 'COMPARISON.md');

/** The page's own file: a person may keep it elsewhere and link to it. */
async function pageTarget(artifacts: string): Promise<string> {
  return realpath(pageFile(artifacts)).catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return pageFile(artifacts);
    throw error;
  });
}

async function fingerprint(path: string): Promise<{ readonly text: string; readonly mode: number | undefined }> {
  const found = await stat(path, { bigint: true }).catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return null;
    throw error;
  });
  if (found === null) return { text: 'none', mode: undefined };
  return { text: `${found.ino} ${found.size} ${found.mtimeNs}`, mode: Number(found.mode & 0o777n) };
}

/**
 * Puts the rendered comparison between its marks in artifacts/COMPARISON.md; all other bytes of the file stay. Returns
 * its path. A page that a person saves at this very moment is read again first.
 */
export function writeComparison(artifacts: string, rendered: string): Promise<string> {
  return inTurn(artifacts, async () => {
    const path = await pageTarget(artifacts);
    for (;;) {
      const before = await fingerprint(path);
      const existing = await readBytes(path);
      const merged = mergeMarked(existing, latin1(rendered));
      if (merged === existing) return path;
      if ((await fingerprint(path)).text !== before.text) continue;
      await writeBytes(path, merged, before.mode);
      return path;
    }
  });
}
