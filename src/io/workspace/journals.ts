import type { JournalLine } from '../../events/journal.ts';
import { type JournalWriter, openJournal, readJournal } from './run-folder.ts';

/** The journals of all runs of a workspace, kept in memory: whoever owns the workspace is the only one who writes them. */
export interface Journals {
  read(folder: string): Promise<readonly JournalLine[]>;
  append(folder: string, line: JournalLine): Promise<void>;
  /** The folder is gone: nothing of it is kept. */
  forget(folder: string): void;
  close(): Promise<void>;
}

/** Reads a journal once, and keeps it open from its first line of ours until its row. */
export function openJournals(): Journals {
  const known = new Map<string, readonly JournalLine[]>();
  const writers = new Map<string, Promise<JournalWriter>>();
  const read = async (folder: string): Promise<readonly JournalLine[]> => {
    const lines = known.get(folder) ?? (await readJournal(folder));
    // Another read may have been faster, and a line appended since.
    const newest = known.get(folder) ?? lines;
    known.set(folder, newest);
    return newest;
  };
  const closeWriter = async (folder: string): Promise<void> => {
    const writer = writers.get(folder);
    writers.delete(folder);
    await (await writer)?.close();
  };
  return {
    read,
    async append(folder, line) {
      await read(folder);
      const writer = writers.get(folder) ?? openJournal(folder);
      writers.set(folder, writer);
      await (await writer).append(line);
      known.set(folder, [...(known.get(folder) ?? []), line]);
      if (line.event === 'row') await closeWriter(folder);
    },
    forget(folder) {
      known.delete(folder);
      closeWriter(folder).catch(() => undefined); // the file is gone with its folder: nothing is left to be written
    },
    async close() {
      for (const folder of [...writers.keys()]) await closeWriter(folder);
    },
  };
}
