import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { openScoreReader } from '../io/workspace/answered-runs.ts';
import { writePages } from '../io/workspace/pages.ts';
import type { Workspace } from '../io/workspace/workspace.ts';

/** Short runs end faster than pages are worth writing. */
const pause_ms = 500;

/** Keeps COMPARISON.md and the answers.md of the phases up to date, behind the rows and never in their way. */
export interface PageWriter {
  /** The rows of a phase changed. */
  changed(phase: string): void;
  /** Writes what is still due, then stops. */
  close(): Promise<void>;
}

/** The first change is written at once; those that follow within half a second are written together. */
export function openPageWriter(workspace: Workspace, log: Logger): PageWriter {
  const due = new Set<string>();
  const reader = openScoreReader();
  const closing = new AbortController();
  let writing: Promise<void> | null = null;
  const write = async (): Promise<void> => {
    while (due.size > 0) {
      const phases = new Set(due);
      due.clear();
      const { warnings } = await writePages(workspace, { only: phases, reader });
      for (const warning of warnings) log.warn(warning);
      await delay(pause_ms, undefined, { signal: closing.signal }).catch(() => undefined); // aborted: no more pauses
    }
  };
  const start = (): void => {
    writing ??= write()
      .catch((error: unknown) =>
        log.error({ err: error }, 'the comparison could not be written; `phasebox report` tries again'),
      )
      .finally(() => {
        writing = null;
        if (due.size > 0) start();
      });
  };
  return {
    changed(phase) {
      due.add(phase);
      start();
    },
    async close() {
      closing.abort();
      while (writing !== null) await writing;
    },
  };
}
