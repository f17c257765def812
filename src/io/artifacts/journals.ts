import { isUntouched, laterWarnings } from '../../core/run/due.ts';
import type { JournalLine } from '../../events/run.ts';
import { type JournalWriter, lookAtJournal, openJournal, readJournal } from './run-folder.ts';

/** The journals of a workspace's runs. Those of unfinished ones stay in memory: only the owner writes journals. */
export type Journals = ReturnType<typeof openJournals>;

/** Keeps a journal open from this process's first line until the row. */
export function openJournals() {
  const known = new Map<string, readonly JournalLine[]>();
  /** Finished, without warnings. */
  const finished = new Set<string>();
  const writers = new Map<string, Promise<JournalWriter>>();
  let appended = 0;
  const read = async (folder: string): Promise<readonly JournalLine[]> => {
    for (;;) {
      const before = appended;
      const lines = known.get(folder) ?? (await readJournal(folder));
      // A line that was appended while the file was read may be missing here.
      if (before !== appended) continue;
      const newest = known.get(folder) ?? lines;
      if (!finished.has(folder)) known.set(folder, newest);
      return newest;
    }
  };
  const closeWriter = async (folder: string): Promise<void> => {
    const writer = writers.get(folder);
    writers.delete(folder);
    await (await writer)?.close();
  };
  return {
    /** A first look, in one synchronous step. Throws DamagedFile. */
    look(folder: string): void {
      if (known.has(folder)) return;
      const lines = lookAtJournal(folder);
      if (lines === 'finished') finished.add(folder);
      else known.set(folder, lines);
    },
    read,
    warnings: async (folder: string): Promise<readonly string[]> =>
      finished.has(folder) ? [] : laterWarnings(await read(folder)),
    isUntouched: async (folder: string): Promise<boolean> => !finished.has(folder) && isUntouched(await read(folder)),
    async append(folder: string, line: JournalLine): Promise<void> {
      finished.delete(folder);
      await read(folder);
      const writer = writers.get(folder) ?? openJournal(folder);
      writers.set(folder, writer);
      try {
        await (await writer).append(line);
      } catch (error) {
        // If opening failed (the folder was deleted), closing all writers would fail again.
        await writer.catch(() => writers.delete(folder));
        throw error;
      }
      appended++;
      const lines = [...(known.get(folder) ?? []), line];
      if (line.event !== 'row') {
        known.set(folder, lines);
        return;
      }
      known.delete(folder);
      if (laterWarnings(lines).length === 0) finished.add(folder);
      await closeWriter(folder);
    },
    /** The folder is gone, so nothing of it is kept. */
    forget(folder: string): void {
      known.delete(folder);
      finished.delete(folder);
      closeWriter(folder).catch(() => undefined); // the file is gone with its folder, so nothing is left to write
    },
    async close(): Promise<void> {
      for (const folder of [...writers.keys()]) await closeWriter(folder);
    },
  };
}
