import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type * as z from 'zod';
import { messageOf } from '../../core/errors.ts';
import { type Row, type RowHead, rowHead, row as rowSchema } from '../../events/row.ts';
import { openText } from '../disk/files.ts';
import { withRemedy } from '../disk/own-file.ts';
import { forgottenPhases } from './forgotten.ts';

/** A line of results.jsonl that is not a row. `text` has its bytes, read as latin1. */
export interface DamagedLine {
  /** From 1. */
  readonly line: number;
  readonly text: string;
  readonly why: string;
}

export const resultsFile = (artifacts: string): string => join(artifacts, 'results.jsonl');

/** Fields that a later version added are kept and are not an error. */
const laterRow = rowSchema.loose();

/** Without the search for unknown fields, zod takes two thirds of the time. */
function readRow(value: unknown): z.ZodSafeParseResult<Row> {
  const own = rowSchema.safeParse(value);
  return own.success ? own : laterRow.safeParse(value);
}

function parseLine<R>(
  line: Buffer,
  read: (value: unknown) => z.ZodSafeParseResult<R>,
): { readonly row: R } | { readonly why: string } {
  try {
    const parsed = read(JSON.parse(line.toString('utf8')));
    if (parsed.success) return { row: parsed.data };
    const [issue] = parsed.error.issues;
    return { why: `it is not a row: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}` };
  } catch (error) {
    return { why: `it is not valid JSON: ${messageOf(error)}` };
  }
}

/** About 70 rows: parsing them blocks the event loop for 5 ms. */
const chunkBytes = 256 * 1024;

const remedy =
  'The next `phasebox up` renames it and makes the rows again from the folders of their runs, as far as these exist.';

/** The file, open for reading, or null if it does not exist. Throws DamagedFile. */
export const openResults = (artifacts: string): Promise<FileHandle | null> =>
  openText(resultsFile(artifacts)).catch(withRemedy(remedy));

async function eachLine(artifacts: string, use: (line: Buffer, number: number) => void): Promise<void> {
  const file = await openResults(artifacts);
  if (file === null) return;
  let rest = Buffer.alloc(0);
  let number = 0;
  for await (const chunk of file.createReadStream({ highWaterMark: chunkBytes })) {
    const bytes = Buffer.concat([rest, chunk]);
    let from = 0;
    for (let to = bytes.indexOf('\n'); to >= 0; to = bytes.indexOf('\n', from)) {
      use(bytes.subarray(from, to), ++number);
      from = to + 1;
    }
    rest = bytes.subarray(from);
  }
  use(rest, ++number);
}

/**
 * Reads results.jsonl in parts and keeps what `take` returns, since complete rows of 10,000 runs take 100 MB. It has the
 * rows of forgotten phases too, for those who write the file.
 * `concerns` selects the lines (read as latin1) that are parsed, which takes most of the time.
 */
export function takeRows<T>(
  artifacts: string,
  take: (row: Row, line: Buffer) => T,
  concerns?: (text: string) => boolean,
): Promise<Taken<T>> {
  return takeLines(artifacts, { read: readRow, take, concerns });
}

/** The heads of the rows. Their other fields are not checked here: `verify` and the pages check them. */
export async function takeHeads<T>(artifacts: string, take: (head: RowHead) => T): Promise<Taken<T>> {
  return remembered(artifacts, { read: (value) => rowHead.safeParse(value), take });
}

/** Without the rows of forgotten phases. */
async function remembered<R extends { readonly run: string; readonly phase: string }, T>(
  artifacts: string,
  { take, ...taking }: Taking<R, T>,
): Promise<Taken<T>> {
  const forgotten = await forgottenPhases(artifacts);
  const keep = (row: R, line: Buffer): T | null => (forgotten.has(row.phase) ? null : take(row, line));
  const { taken, damaged } = await takeLines(artifacts, { ...taking, take: keep });
  return { taken: new Map([...taken].filter((entry): entry is [string, T] => entry[1] !== null)), damaged };
}

interface Taken<T> {
  readonly taken: Map<string, T>;
  readonly damaged: DamagedLine[];
}

interface Taking<R, T> {
  readonly read: (value: unknown) => z.ZodSafeParseResult<R>;
  readonly take: (row: R, line: Buffer) => T;
  readonly concerns?: ((text: string) => boolean) | undefined;
}

async function takeLines<R extends { readonly run: string }, T>(
  artifacts: string,
  { read, take, concerns }: Taking<R, T>,
): Promise<Taken<T>> {
  const taken = new Map<string, T>();
  const damaged: DamagedLine[] = [];
  await eachLine(artifacts, (line, number) => {
    const text = line.toString('latin1');
    if (text.trim() === '' || concerns?.(text) === false) return;
    const parsed = parseLine(line, read);
    if ('row' in parsed) taken.set(parsed.row.run, take(parsed.row, line));
    else damaged.push({ line: number, text, why: parsed.why });
  });
  return { taken, damaged };
}

/** Reads results.jsonl without changing it, and without forgotten phases. A run that occurs twice counts once, with its last line. */
export async function readResults(artifacts: string): Promise<{ rows: Row[]; damaged: readonly DamagedLine[] }> {
  const { taken, damaged } = await remembered(artifacts, { read: readRow, take: (row) => row });
  return { rows: [...taken.values()], damaged };
}

/** All rows, in order of acceptance. */
export const readRows = async (artifacts: string): Promise<Row[]> => (await readResults(artifacts)).rows;

/** Whether a line may be a row of a phase (name in lower case). Of a line by phasebox, only its beginning is read. */
function mayBeOf(text: string, name: string): boolean {
  const key = '"phase":"';
  const at = text.indexOf(key);
  if (at === -1) return text.toLowerCase().includes(`"${name}"`);
  const from = at + key.length;
  return text.slice(from, from + name.length + 1).toLowerCase() === `${name}"`;
}

/** The rows of one phase. Names that differ only in case are one. */
export async function readPhaseRows(artifacts: string, phase: string): Promise<Row[]> {
  const name = phase.toLowerCase();
  const concerns = (text: string): boolean => mayBeOf(text, name);
  const { taken } = await remembered(artifacts, { read: readRow, take: (row) => row, concerns });
  return [...taken.values()].filter((row) => row.phase.toLowerCase() === name);
}
