import { lstat, mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { answer as answerSchema, type Outcome, type Request, request as requestSchema } from '../../events/request.ts';
import { ifAbsent, readText, writeWhole } from '../disk/files.ts';
import { inParallel } from '../disk/in-parallel.ts';
import { nonce } from '../disk/nonce.ts';
import { ifDamaged } from '../disk/own-file.ts';

/** A request as it lies on the disk; null: it is none that this version knows. */
export interface Pending {
  readonly path: string;
  readonly request: Request | null;
}

/** An answer that nobody fetched: its command was ended. */
const unread_ms = 60_000;

const requestFolder = (state: string): string => join(state, 'requests');
const answerFile = (path: string): string => path.replace(/\.json$/, '.answer');

/** Files alone: whatever else lies there was put there by hand, and stays. */
async function names(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(ifAbsent([]));
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
}

const isRequest = (name: string): boolean => /^\d+\.[0-9a-f]+-\w+\.json$/.test(name);

/** Leaves a request for the owner of the workspace, on the disk when it resolves, after all that lie there. Returns its path. */
export async function writeRequest(state: string, request: Request): Promise<string> {
  const folder = requestFolder(state);
  await mkdir(folder, { recursive: true });
  const last = Math.max(0, ...(await names(folder)).filter(isRequest).map((name) => Number.parseInt(name, 10)));
  const order = String(Math.max(Date.now(), last + 1)).padStart(16, '0');
  const path = join(folder, `${order}.${nonce()}-${request.kind}.json`);
  await writeWhole(path, `${JSON.stringify(request)}\n`);
  return path;
}

/** The requests that wait, in their order. */
export async function pendingRequests(state: string): Promise<Pending[]> {
  const folder = requestFolder(state);
  const waiting = (await names(folder)).filter(isRequest).sort();
  const read = await inParallel(waiting, async (name) => {
    const path = join(folder, name);
    const text = await readText(path).catch(ifDamaged(''));
    return text === null ? null : { path, request: parse(text) };
  });
  return read.filter((one) => one !== null);
}

function parse(text: string): Request | null {
  try {
    return requestSchema.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    // no JSON: whatever wrote it was no command of ours
    return null;
  }
}

/** Leaves what came of a request for the command that asked, then takes the request away. */
export async function finishRequest(path: string, outcomes: readonly Outcome[]): Promise<void> {
  const answer = answerFile(path);
  try {
    await writeFile(`${answer}.tmp`, JSON.stringify({ outcomes }));
    await rename(`${answer}.tmp`, answer);
  } finally {
    // Also when the disk is full: what was asked is done, and must not be asked for ever.
    await rm(path, { force: true });
  }
}

/** Takes away what is no request. */
export const dropRequest = (path: string): Promise<void> => rm(path, { recursive: true, force: true });

/** Takes away answers that were left a minute ago and are still there. */
export async function sweepAnswers(state: string): Promise<void> {
  const folder = requestFolder(state);
  for (const name of (await names(folder)).filter((one) => !isRequest(one) && !one.endsWith('.json.tmp'))) {
    const path = join(folder, name);
    const found = await stat(path).catch(() => null);
    if (found !== null && Date.now() - found.mtimeMs > unread_ms) await rm(path, { recursive: true, force: true });
  }
}

/** True while a request waits. */
export const isPending = async (path: string): Promise<boolean> =>
  (await lstat(path).catch(ifAbsent(null)))?.isFile() === true;

/** Reads what came of a request, once it is no longer pending. Null: the answer could not be left. */
export async function takeAnswer(path: string): Promise<readonly Outcome[] | null> {
  const text = await readText(answerFile(path)).catch(ifDamaged(null));
  await rm(answerFile(path), { recursive: true, force: true });
  try {
    return answerSchema.parse(JSON.parse(text ?? '')).outcomes;
  } catch {
    return null; // none there, or not what was written: as good as none
  }
}
