import { stat } from 'node:fs/promises';
import { StageError } from '../../core/errors.ts';
import { duration } from '../../core/format.ts';
import { openStall, type StallLimits, slowestLoad_bytes_s } from '../../core/run/stall.ts';
import type { WorkspaceConfig } from '../../events/workspace.ts';
import { ifAbsent } from '../disk/files.ts';
import { filesBelow } from '../disk/hash.ts';
import { filesBytes } from '../host/disk-usage.ts';
import { isSuspended } from '../host/process-facts.ts';
import { watchSleep } from '../host/sleep-watch.ts';
import { pause } from './settled.ts';
import { startedBy } from './tool-process.ts';

/** A tool, as far as it is watched. */
export interface Watched {
  /** The folder with the tool's control files, and the folder in which it and its log write. */
  readonly tool: string;
  readonly files: string;
}

/** A tool may load a model that was dequantized: from 4 bits to 16. */
const largestForm = 4;

/** For a tool of phasebox that loads this model (a folder), or none. Null if tools are not watched. */
export async function stallLimits(
  { stall_minutes }: Pick<WorkspaceConfig, 'stall_minutes'>,
  model: string | null,
): Promise<StallLimits | null> {
  if (stall_minutes === 0) return null;
  const bytes = model === null ? 0 : largestForm * (await filesBytes(model));
  return { least_ms: stall_minutes * 60_000, load_ms: (bytes / slowestLoad_bytes_s) * 1000 };
}

/** Looks are frequent enough for the limit, and rare enough for a night: on macOS each one starts a `ps`. */
const looks = 40;
const [shortest_ms, longest_ms] = [100, 15_000];

/**
 * Returns when `over` is aborted. Throws STALLED if the tool shows no progress for too long: neither its log nor any of
 * its files changes. Time in which the machine sleeps, or in which the tool is suspended, does not count.
 */
export async function watchStall({ tool, files }: Watched, limits: StallLimits, over: AbortSignal): Promise<void> {
  const step_ms = Math.min(longest_ms, Math.max(shortest_ms, limits.least_ms / looks));
  const stall = openStall(limits);
  const sleep = watchSleep();
  let [at, slept] = [performance.now(), 0];
  try {
    while (!over.aborted) {
      await pause(step_ms, over);
      const leader = await startedBy(tool);
      const [signs, suspended] = [await signsIn(files), leader !== null && (await isSuspended(leader))];
      const [now, asleep] = [performance.now(), sleep.slept_ms()];
      // On macOS the monotonic clock continues while the machine sleeps.
      const passed_ms = Math.max(0, now - at - (asleep - slept));
      [at, slept] = [now, asleep];
      const silent_ms = stall({ passed_ms, signs, isSuspended: suspended });
      if (silent_ms === null || over.aborted) continue;
      const text = `neither its log nor its files have changed for ${duration(silent_ms / 1000)}`;
      throw new StageError('STALLED', text);
    }
  } finally {
    sleep.stop();
  }
}

async function signsIn(folder: string): Promise<string> {
  const paths = await filesBelow(folder).catch(ifAbsent([]));
  const signs = await Promise.all(
    paths.map(async (path) => {
      const { mtimeMs, size } = await stat(path).catch(ifAbsent({ mtimeMs: 0, size: 0 })); // removed meanwhile: a change
      return `${path} ${mtimeMs} ${size}`;
    }),
  );
  return signs.join('\n');
}
