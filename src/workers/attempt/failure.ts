import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { StageError } from '../../core/errors.ts';
import { attemptDue, failuresOf } from '../../core/run/due.ts';
import { stalledNotification } from '../../core/run/notification.ts';
import { retryPause } from '../../core/run/retry.ts';
import { secretValues, textWithoutSecrets } from '../../core/secrets.ts';
import { files } from '../../events/stages/mlx.ts';
import { isCarried } from '../../events/stages/stage-row.ts';
import { attemptFolder } from '../../events/stages.ts';
import type { StoredRun } from '../../io/artifacts/run-store.ts';
import { ifAbsent } from '../../io/disk/files.ts';
import { filesBelow } from '../../io/disk/hash.ts';
import { removeInside } from '../../io/disk/inside.ts';
import { logTail } from '../../io/tool/follow-log.ts';
import { endTools } from '../../io/tool/tool-folders.ts';
import { controlFiles } from '../../io/tool/tool-process.ts';
import { now, type Owner } from '../runtime/runtime.ts';
import { type Attempt, workedSoFar } from './attempt.ts';
import { keptFor, keptWork } from './carry-over.ts';
import { tailLines } from './run-tool.ts';

/** A failure that is in the journal. It makes the job fail on the dashboard. */
export class JournaledFailure extends Error {
  override readonly name = 'JournaledFailure';
}

/** Journals a failed attempt and frees its space. Returns the error of its job. */
export async function recordFailure(
  owner: Owner,
  attempt: Pick<Attempt, 'stored' | 'event' | 'dir'>,
  failure: { error: StageError; seconds: number },
): Promise<JournaledFailure> {
  const { stored, event, dir } = attempt;
  const { seconds } = failure;
  // A tool's output is copied to pages, into rows and to `notify`.
  const hidden = secretValues(stored.run.env);
  const error = shownError(failure.error, hidden);
  const tail = await newestTail(dir).catch((cause: unknown) => {
    // An unreadable log must not keep the failure from being recorded.
    owner.log.warn({ err: cause, run: event.run }, 'the log of the attempt could not be read');
    return [];
  });
  const log = tail.map((line) => textWithoutSecrets(line, hidden));
  const kept = [...logFiles, ...keptFor(event.stage, error.code)];
  const state = await owner.runStore.state(stored);
  const pause = failure.error.isFinal
    ? null
    : retryPause(error.code, failuresOf(state, event.stage), owner.workspace.config);
  const retryAt = pause === null ? null : Date.now() + pause * 1000;
  // Before anything is written: this attempt's own outputs may have filled the disk.
  if (error.code === 'DISK_FULL') await keepOnly(dir, [...kept, ...controlFiles]);
  const { run, stage } = event;
  const place = { stage, attempt: event.attempt };
  const { code, message } = error;
  const retry_at = retryAt === null ? null : new Date(retryAt).toISOString();
  await owner.runStore.append(stored, { event: 'failed', at: now(), ...place, code, message, log, seconds, retry_at });
  const where = { run, ...place, code };
  if (error.code === 'CANCELLED') owner.log.info(where, error.message);
  else {
    owner.log.error({ ...where, err: error }, error.message);
    const resumesFrom = await keptWork(dir, stage, code);
    if (code === 'STALLED') owner.notifier.send(stalledNotification(run, stage, message));
    owner.notice({ kind: 'failed', stored, stage, code, message, retryAt, resumesFrom });
  }
  await keepOnly(dir, kept);
  const shown = new JournaledFailure(`${error.code}: ${error.message}`, { cause: error });
  shown.stack = [shown.message, ...log].join('\n');
  return shown;
}

function shownError(error: StageError, hidden: readonly string[]): StageError {
  const detail = textWithoutSecrets(error.detail, hidden);
  return detail === error.detail ? error : new StageError(error.code, detail);
}

const logFiles: readonly string[] = ['log.txt', 'command.json', files.progress];

/** A failed attempt frees its space at once. The records of its tools stay readable. */
async function keepOnly(folder: string, names: readonly string[]): Promise<void> {
  // An attempt that waits for its time has no folder yet, but can be cancelled.
  for (const entry of await readdir(folder, { withFileTypes: true }).catch(ifAbsent([]))) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await keepOnly(path, names);
    else if (!isCarried(names, entry.name)) await removeInside(folder, entry.name);
  }
}

/** The end of the most recently written log: an attempt may have run several tools. */
async function newestTail(dir: string): Promise<string[]> {
  const logs = (await filesBelow(dir).catch(ifAbsent([]))).filter((path) => basename(path) === 'log.txt');
  const times = await Promise.all(logs.map(async (path) => ({ path, at: (await stat(path)).mtimeMs })));
  const newest = times.sort((a, b) => b.at - a.at)[0];
  return newest === undefined ? [] : logTail(newest.path, tailLines);
}

/**
 * Ends the current attempt of a run that is not busy: its tools are stopped, its bytes freed, and its end is journaled
 * with `code`, so that its number is not used again. Returns the folders of tools that were not verified to be ours.
 */
export async function closeAttempt(
  owner: Owner,
  stored: StoredRun,
  code: 'CANCELLED' | 'STOPPED' | 'PAUSED',
): Promise<string[]> {
  const state = await owner.runStore.state(stored);
  const next = attemptDue(state);
  if (next === null) return [];
  const event = { run: stored.run.run, ...next };
  const dir = join(stored.folder, attemptFolder(event.stage, event.attempt));
  const seconds = (await workedSoFar(state.journal, event, dir)) ?? 0;
  const unverified = await endTools(dir);
  if (unverified.length > 0) return unverified;
  await recordFailure(owner, { stored, event, dir }, { error: new StageError(code, event.stage), seconds });
  return [];
}
