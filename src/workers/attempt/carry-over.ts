import { readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { ErrorCode } from '../../core/errors.ts';
import type { Carried } from '../../events/stages/stage-row.ts';
import { attemptFolder, type StageName, stageFolder, stages } from '../../events/stages.ts';
import { ifAbsent, listNames } from '../../io/disk/files.ts';
import { oddEntry } from '../../io/disk/odd-entry.ts';
import { ownFifos } from '../../io/tool/tool-process.ts';

/** After these errors, none of the answers can be trusted. After the last one, all answers are errors. */
const poison: ReadonlySet<ErrorCode> = new Set(['WRONG_SERVER', 'CALL_SWALLOWED', 'ADAPTER_IGNORED', 'BAD_SETTINGS']);

/** False if the answers of a failed attempt may be wrong. */
export const answersHold = (code: ErrorCode): boolean => !poison.has(code);

const carriedBy = (stage: StageName): Carried | null => stages[stage].carries;

/** Names of all files that a failed attempt of the stage may pass to the next one. */
export const carriedFiles = (stage: StageName): readonly string[] => carriedBy(stage)?.files ?? [];

/** Names (in the attempt's folder) that stay after an attempt of this stage has failed with `code`. */
export const keptFor = (stage: StageName, code: ErrorCode): readonly string[] =>
  answersHold(code) && carriedBy(stage)?.spoiledBy?.includes(code) !== true ? carriedFiles(stage) : [];

/** What the next attempt resumes from after a failure with `code`, after `resumes from its`. Null if there is nothing. */
export async function keptWork(dir: string, stage: StageName, code: ErrorCode): Promise<string | null> {
  const carries = carriedBy(stage);
  const main = carries?.moved.at(-1);
  if (carries === null || main === undefined || keptFor(stage, code).length === 0) return null;
  return (await listNames(dir)).includes(main) ? carries.called : null;
}

/** Moves what the latest intact attempt left to a new one's folder. Returns its number. Twice is harmless. */
export async function carryOver(run: string, stage: StageName, attempt: number): Promise<number | null> {
  const names = carriedBy(stage)?.moved ?? [];
  const main = names.at(-1);
  if (main === undefined) return null;
  const target = join(run, attemptFolder(stage, attempt));
  if ((await readdir(target)).includes(main)) return null;
  const belongs = { fifos: ownFifos, files: carriedFiles(stage) };
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

const moveIfThere = (from: string, to: string): Promise<void> => rename(from, to).catch(ifAbsent(undefined));
