import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { type PagesOrder, type PagesReply, writePagesApart } from '../../io/page/pages-process.ts';
import type { Workspace } from '../../io/workspace/workspace.ts';

/** Rows that arrive together lead to one writing. */
const quiet_ms = 250;
/** While rows keep arriving. */
const busy_ms = 10_000;
/** After a transient error (mostly a full disk). It doubles each time. */
const again_ms = 1000;
const longestAgain_ms = 60_000;
/** How often it is tried before `up` ends without the pages. */
const lastTries = 5;

const unwritten = 'the comparison could not be written; it is tried again, also by `phasebox report`';
const untried = 'the comparison could not be written; it is tried again after the next row, and by `phasebox report`';

export interface PageParts {
  readonly workspace: Pick<Workspace, 'artifacts' | 'state'>;
  readonly log: Logger;
  /** Called once for pages that cannot be written, until they can be again. */
  readonly notice: (notice: { readonly kind: 'page'; readonly text: string }) => void;
  readonly write?: (order: PagesOrder) => Promise<PagesReply>;
  /** Shorter pauses, for tests. */
  readonly pace?: { readonly quiet_ms: number; readonly again_ms: number; readonly busy_ms: number };
}

/** Keeps the comparison and the pages next to it up to date, after the rows and without delaying them. */
export type PageWriter = ReturnType<typeof openPageWriter>;

/** The pages follow a row within a second, and more rows every 10 s. One writing at a time, in its own process. */
export function openPageWriter(parts: PageParts) {
  const { pace = { quiet_ms, again_ms, busy_ms } } = parts;
  const due = new Set<string>();
  /** What a permanent error kept from being written: it waits for the next row. */
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
    // If the pages take long, they take at most half of the time.
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
    /** The rows of a phase changed. */
    changed(phase: string): void {
      for (const one of [phase, ...behind]) due.add(one);
      behind.clear();
      soon();
    },
    /** Writes what is still due, then stops. */
    async close(): Promise<void> {
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

/** One writing, and its report: a failure is reported once, until the pages can be written again. */
function openAttempts({ workspace: { artifacts, state }, log, notice, write = writePagesApart }: PageParts): Attempt {
  let reported = false;
  return async (only) => {
    const reply = await write({ artifacts, state, only });
    if (reply.kind === 'written') {
      for (const warning of reply.warnings) log.warn(warning);
      reported = false;
      return 'written';
    }
    const text = reply.passes ? unwritten : untried;
    log.error({ stack: reply.stack }, text);
    if (!reported) notice({ kind: 'page', text: `${text}. ${reply.message}` });
    reported = true;
    return reply.passes ? 'again' : 'not again';
  };
}
