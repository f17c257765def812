import type { FoundModel } from '../../core/config/lookups.ts';
import { StageError } from '../../core/errors.ts';
import { sizeText } from '../../core/format.ts';
import { stageBytes } from '../../core/mlx/estimate.ts';
import { hasBegun } from '../../core/run/control.ts';
import { diskWait } from '../../core/run/due.ts';
import { runNotification } from '../../core/run/notification.ts';
import { hasCode } from '../../io/disk/files.ts';
import { folderBytes, freeBytes } from '../../io/host/disk-usage.ts';
import { readModelShape } from '../../io/model/model-folder.ts';
import { pause } from '../../io/tool/settled.ts';
import { now, type Runtime } from '../runtime/runtime.ts';
import { type Attempt, waiting } from './attempt.ts';

const gigabyte = 2 ** 30;
/** Asking the file system costs almost nothing, so that freed space is noticed at once. */
const look_ms = 1000;

/**
 * Reserves space for what the stage writes, in addition to what the workspace reserves for everything else. Until there
 * is enough, the attempt waits, and keeps its place in the queue. Returns the most bytes that the attempt's folder will
 * have, or null if the model's size is not known. Throws STOPPED if it is stopped.
 */
export async function reserve(runtime: Runtime, attempt: Attempt, base: FoundModel | null): Promise<number | null> {
  const { stored, event } = attempt;
  const { run } = stored;
  const shape = run.model === null ? null : await readModelShape(run.model.source, base?.found ? base.folder : null);
  const bytes = shape === null ? null : stageBytes(shape, run, event.stage);
  // Resumed: what its tool has written since is no longer free.
  if (hasBegun({ journal: await runtime.runStore.journal(stored) }, event)) return bytes;
  // What an earlier attempt left is on the disk already.
  const there = await folderBytes(attempt.dir);
  const open = bytes === null ? null : Math.max(0, bytes - there);
  const wanting = (): Promise<string | null> => shortage(runtime, event.stage, open);
  if ((await wanting()) !== null)
    await waiting(runtime, attempt, (tell) => untilFree(runtime, attempt, { wanting, tell }));
  const { stage, attempt: nth } = event;
  await runtime.runStore.append(stored, { event: 'reserved', at: now(), stage, attempt: nth, bytes });
  return bytes;
}

/** What is missing, in words, or null if enough is free. */
async function shortage({ workspace }: Runtime, stage: string, bytes: number | null): Promise<string | null> {
  const { artifacts, config } = workspace;
  const free = await freeBytes(artifacts);
  const kept = config.disk_reserve_gb * gigabyte;
  if (free >= (bytes ?? 0) + kept) return null;
  const needs = bytes === null ? '' : `${stage} needs ${sizeText(bytes)}, and `;
  return `waits for disk space: ${sizeText(free)} free on ${artifacts}: ${needs}${sizeText(kept)} must stay free (disk_reserve_gb)`;
}

async function untilFree(
  runtime: Runtime,
  attempt: Attempt,
  { wanting, tell }: { wanting: () => Promise<string | null>; tell: (text: string) => void },
): Promise<void> {
  const { signal } = runtime;
  let reported = false;
  for (let text = await wanting(); text !== null; text = await wanting()) {
    if (signal.aborted) throw new StageError('STOPPED', 'it was waiting for disk space');
    if (!reported) {
      reported = true;
      tell(text);
      const { run, stage } = attempt.event;
      runtime.notifier.send(runNotification('waiting_for_disk', [run], `${stage} ${text}`));
      await noteWait(runtime, attempt, text);
    }
    await pause(look_ms, signal);
  }
}

/** One line when it begins, and none while it lasts. */
async function noteWait({ runStore }: Runtime, { stored, event }: Attempt, message: string): Promise<void> {
  if (diskWait(await runStore.journal(stored), event) !== null) return;
  const { stage, attempt } = event;
  await runStore.append(stored, { event: 'disk_wait', at: now(), stage, attempt, message }).catch((error: unknown) => {
    // So full that not even this can be written: it is on the terminal and in the status of `up`.
    if (!hasCode(error, 'ENOSPC', 'EDQUOT')) throw error;
  });
}
