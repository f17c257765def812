import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { openScoreReader } from '../io/workspace/answered-runs.ts';
import { writePages } from '../io/workspace/pages.ts';
import type { Workspace } from '../io/workspace/workspace.ts';
import type { Notice } from './runtime.ts';

/** Short runs end faster than pages are worth writing. */
const pause_ms = 500;
/** Plots and HTML take 0.3 to 0.7 s of CPU: they wait until no row has come for so long ... */
const quiet_ms = 500;
/** ... and when rows never stop coming, at most so long. */
const longest_ms = 30_000;
/** What could not be written (a full disk, mostly) is tried again after this, and so often before `up` goes without it. */
const again_ms = 1000;
const lastTries = 5;
const unwritten = 'the comparison could not be written; it is tried again, also by `phasebox report`';

export interface PageParts {
  readonly workspace: Workspace;
  readonly log: Logger;
  /** Told once of pages that cannot be written, until they can be again. */
  readonly notice: (notice: Extract<Notice, { kind: 'page' }>) => void;
}

/** Keeps the comparison and the pages beside it up to date, behind the rows and never in their way. */
export interface PageWriter {
  /** The rows of a phase changed. */
  changed(phase: string): void;
  /** Writes what is still due, then stops. */
  close(): Promise<void>;
}

/** The text follows a row at once; plots and HTML follow when rows pause. One writing at a time. */
export function openPageWriter({ workspace, log, notice }: PageParts): PageWriter {
  const reader = openScoreReader();
  const due = { text: new Set<string>(), whole: new Set<string>() };
  const closing = new AbortController();
  let writing: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  let since: number | null = null;
  let told = false;
  const then = (work: () => Promise<void>): Promise<void> => {
    writing = writing.then(work);
    return writing;
  };
  const write = async (kind: keyof typeof due): Promise<void> => {
    const phases = new Set(due[kind]);
    if (phases.size === 0) return;
    due[kind].clear();
    try {
      const { warnings } = await writePages(workspace, { only: phases, reader, pictures: kind === 'whole' });
      for (const warning of warnings) log.warn(warning);
      told = false;
    } catch (error) {
      for (const phase of phases) due.whole.add(phase);
      log.error({ err: error }, unwritten);
      if (!told)
        notice({ kind: 'page', text: `${unwritten}. ${error instanceof Error ? error.message : String(error)}` });
      told = true;
      if (!closing.signal.aborted) wholeIn(again_ms);
    }
  };
  const whole = async (): Promise<void> => {
    since = null;
    await write('whole');
  };
  const text = async (): Promise<void> => {
    await write('text');
    await delay(pause_ms, undefined, { signal: closing.signal }).catch(() => undefined); // aborted: no more pauses
  };
  const wholeIn = (ms: number): void => {
    clearTimeout(timer);
    timer = setTimeout(() => void then(whole), ms);
  };
  return {
    changed(phase) {
      const waits = due.text.size > 0;
      due.text.add(phase);
      due.whole.add(phase);
      if (!waits) void then(text);
      since ??= performance.now();
      wholeIn(Math.min(quiet_ms, since + longest_ms - performance.now()));
    },
    async close() {
      closing.abort();
      clearTimeout(timer);
      due.text.clear();
      await then(whole);
      for (let tries = 1; due.whole.size > 0 && tries < lastTries; tries++) {
        await delay(again_ms);
        await then(whole);
      }
    },
  };
}
