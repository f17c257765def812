import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { type PagesOrder, type PagesReply, writePagesApart } from '../../io/page/pages-process.ts';
import type { Workspace } from '../../io/workspace/workspace.ts';

/** Rows that come together have one writing. */
const quiet_ms = 250;
/** While rows keep coming. */
const busy_ms = 10_000;
/** After an error that can pass (a full disk, mostly); each further time twice as long. */
const again_ms = 1000;
const longestAgain_ms = 60_000;
/** So often before `up` ends without the pages. */
const lastTries = 5;

const unwritten = 'the comparison could not be written; it is tried again, also by `phasebox report`';
const untried = 'the comparison could not be written; it is tried again after the next row, and by `phasebox report`';

export interface PageNotice {
  readonly kind: 'page';
  readonly text: string;
}

export interface PageParts {
  readonly workspace: Pick<Workspace, 'artifacts' | 'state'>;
  readonly log: Logger;
  /** Told once of pages that cannot be written, until they can be again. */
  readonly notice: (notice: PageNotice) => void;
  readonly write?: (order: PagesOrder) => Promise<PagesReply>;
  /** Shorter pauses, for tests. */
  readonly pace?: { readonly quiet_ms: number; readonly again_ms: number; readonly busy_ms: number };
}

/** Keeps the comparison and the pages beside it up to date, behind the rows and never in their way. */
export interface PageWriter {
  /** The rows of a phase changed. */
  changed(phase: string): void;
  /** Writes what is still due, then stops. */
  close(): Promise<void>;
}

/**
 * The pages follow a row within a second, and rows that keep coming every 10 s. One writing at a time, in a process of
 * its own.
 */
export function openPageWriter(parts: PageParts): PageWriter {
  const { pace = { quiet_ms, again_ms, busy_ms } } = parts;
  const due = new Set<string>();
  /** What could not be written by an error that does not pass: it waits for the next row. */
  const behind = new Set<string>();
  let writing: Promise<void> | null = null;
  let timer: NodeJS.Timeout | undefined;
  let notBefore = 0;
  let failures = 0;
  let closing = false;
  const attempt = openAttempts(parts);
  const write = async (): Promise<void> => {
    const [only, begun] = [[...due], performance.now()];
    due.clear();
    const outcome = await attempt(only);
    failures = outcome === 'again' ? failures + 1 : 0;
    for (const phase of outcome === 'written' ? [] : only) (outcome === 'again' ? due : behind).add(phase);
    const now = performance.now();
    // Where the pages take long, they take no more than half of the time.
    notBefore =
      outcome === 'again'
        ? now + Math.min(longestAgain_ms, pace.again_ms * 2 ** (failures - 1))
        : Math.max(begun + pace.busy_ms, now + (now - begun));
  };
  const start = (): Promise<void> => {
    timer = undefined;
    writing = write().finally(() => {
      writing = null;
      if (due.size > 0) soon();
    });
    return writing;
  };
  const soon = (): void => {
    if (closing || timer !== undefined || writing !== null) return;
    timer = setTimeout(() => void start(), Math.max(pace.quiet_ms, notBefore - performance.now()));
  };
  return {
    changed(phase) {
      for (const one of [phase, ...behind]) due.add(one);
      behind.clear();
      soon();
    },
    async close() {
      closing = true;
      clearTimeout(timer);
      await writing;
      for (const phase of behind) due.add(phase);
      for (let tries = 1; due.size > 0 && tries <= lastTries; tries++) {
        if (tries > 1) await delay(pace.again_ms);
        await start();
      }
    },
  };
}

type Attempt = (only: readonly string[]) => Promise<'written' | 'again' | 'not again'>;

/** One writing, and what is reported of it: a failure once, until the pages can be written again. */
function openAttempts({ workspace: { artifacts, state }, log, notice, write = writePagesApart }: PageParts): Attempt {
  let told = false;
  return async (only) => {
    const reply = await write({ artifacts, state, only });
    if (reply.kind === 'written') {
      for (const warning of reply.warnings) log.warn(warning);
      told = false;
      return 'written';
    }
    const text = reply.passes ? unwritten : untried;
    log.error({ stack: reply.stack }, text);
    if (!told) notice({ kind: 'page', text: `${text}. ${reply.message}` });
    told = true;
    return reply.passes ? 'again' : 'not again';
  };
}
