import { readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { ErrorCode } from '../core/errors.ts';
import { attemptFolder, type StageName, stageFolder } from '../events/stages.ts';
import { hasCode } from '../io/disk/files.ts';
import { oddEntry } from '../io/disk/odd-entry.ts';
import { ownFifos } from '../io/tool/tool-process.ts';

/* What a failed attempt hands on to the next one, beside its logs. Everything else is made again. */

interface HandedOn {
  /** Files and folders. The last one is what counts; those before tell what it was made from, so they are moved first. */
  readonly moved: readonly string[];
  /** Names of the files in them, at any depth. */
  readonly files: readonly string[];
}

const handedOn: Partial<Record<StageName, HandedOn>> = {
  select: { moved: ['asked.json', 'candidates'], files: ['asked.json', 'base.json', 'answers.jsonl', 'losses.jsonl'] },
  eval: { moved: ['asked.json', 'answers.jsonl'], files: ['asked.json', 'answers.jsonl'] },
};

/** After these nothing that was answered can be trusted; the last one is an answer to nothing but errors. */
const poison: ReadonlySet<ErrorCode> = new Set(['WRONG_SERVER', 'CALL_SWALLOWED', 'ADAPTER_IGNORED', 'BAD_SETTINGS']);

/** False: the answers that a failed attempt got may be wrong. */
export const answersHold = (code: ErrorCode): boolean => !poison.has(code);

/** Names of all files that a stage may hand on. */
export const handedOnFiles = (stage: StageName): readonly string[] => handedOn[stage]?.files ?? [];

/** Names (in the attempt's folder) that stay when an attempt of this stage has failed by `code`. */
export const keptFor = (stage: StageName, code: ErrorCode): readonly string[] =>
  answersHold(code) ? handedOnFiles(stage) : [];

/**
 * Moves what the latest earlier attempt left into a new attempt's folder, unless something else stands in the place of its
 * files; twice is harmless. Returns the attempt it came from.
 */
export async function carryOver(run: string, stage: StageName, attempt: number): Promise<number | null> {
  const names = handedOn[stage]?.moved ?? [];
  const main = names.at(-1);
  if (main === undefined) return null;
  const target = join(run, attemptFolder(stage, attempt));
  if ((await readdir(target)).includes(main)) return null;
  const belongs = { fifos: ownFifos, files: handedOnFiles(stage) };
  for (const earlier of await earlierAttempts(run, stage, attempt)) {
    const source = join(run, attemptFolder(stage, earlier));
    if (!(await readdir(source)).includes(main) || (await oddEntry(source, belongs)) !== null) continue;
    for (const name of names) await moveIfThere(join(source, name), join(target, name));
    return earlier;
  }
  return null;
}

/** The latest first. */
async function earlierAttempts(run: string, stage: StageName, attempt: number): Promise<number[]> {
  const prefix = `.${stageFolder(stage)}.a`;
  return (await readdir(run))
    .filter((name) => name.startsWith(prefix))
    .map((name) => Number(name.slice(prefix.length)))
    .filter((number) => number < attempt)
    .sort((a, b) => b - a);
}

async function moveIfThere(from: string, to: string): Promise<void> {
  await rename(from, to).catch((error: unknown) => {
    if (!hasCode(error, 'ENOENT')) throw error;
  });
}
