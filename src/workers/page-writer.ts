import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { openScoreReader } from '../io/workspace/answered-runs.ts';
import { writePages } from '../io/workspace/pages.ts';
import type { Workspace } from '../io/workspace/workspace.ts';

/** Writing takes 0.3 to 0.7 s of CPU, most of it for the plots: rows that come in a burst are written together ... */
const quiet_ms = 500;
/** ... and a burst that does not end is written all the same. */
const longest_ms = 30_000;
/** What could not be written (a full disk, mostly) is tried again after this, and so often before `up` goes without it. */
const again_ms = 1000;
const lastTries = 5;

/** Keeps the comparison, its plots and the pages beside it up to date, behind the rows and never in their way. */
export interface PageWriter {
  /** The rows of a phase changed. */
  changed(phase: string): void;
  /** Writes what is still due, then stops. */
  close(): Promise<void>;
}

/** Writes half a second after the last change, and at the latest half a minute after the first. */
export function openPageWriter(workspace: Workspace, log: Logger): PageWriter {
  const due = new Set<string>();
  const reader = openScoreReader();
  let writing: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  let since: number | null = null;
  let closing = false;
  const write = async (): Promise<void> => {
    since = null;
    if (due.size === 0) return;
    const phases = new Set(due);
    due.clear();
    try {
      const { warnings } = await writePages(workspace, { only: phases, reader });
      for (const warning of warnings) log.warn(warning);
    } catch (error) {
      for (const phase of phases) due.add(phase);
      log.error({ err: error }, 'the comparison could not be written; it is tried again, also by `phasebox report`');
      if (!closing) timer = setTimeout(start, again_ms);
    }
  };
  const start = (): void => {
    clearTimeout(timer);
    // One at a time: two would write the same files.
    writing = writing.then(write);
  };
  return {
    changed(phase) {
      due.add(phase);
      since ??= performance.now();
      clearTimeout(timer);
      timer = setTimeout(start, Math.min(quiet_ms, since + longest_ms - performance.now()));
    },
    async close() {
      closing = true;
      start();
      await writing;
      for (let tries = 1; due.size > 0 && tries < lastTries; tries++) {
        await delay(again_ms);
        start();
        await writing;
      }
    },
  };
}
