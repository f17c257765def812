import { realpath } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type FSWatcher, watch } from 'chokidar';
import { inboxName, isConfigName } from '../core/config/inbox-names.ts';
import { messageOf } from '../core/errors.ts';
import { additionText, correctedText, replacedTexts } from '../core/run/row-words.ts';
import type { RequestAnswer, Submission, SubmissionResult } from '../events/request.ts';
import { inParallel } from '../io/disk/in-parallel.ts';
import { stateOf } from './accept.ts';
import { keepTogether, keptFiles } from './kept-files.ts';
import { look, lookAtTaken } from './look.ts';
import {
  type Attempted,
  type InboxOptions,
  newScan,
  nextScan,
  openScan,
  type Scan,
  scanOnce,
  scanPlaces,
} from './scan.ts';
import type { Prepared } from './submission.ts';

export interface Inbox {
  /** Resolves when a scan that began after the call leaves nothing waiting, and every file has its result. */
  settled(): Promise<void>;
  /** Takes files that a command submits. Throws errors of the disk. Must not be called while it closes. */
  submit(submission: Submission): Promise<RequestAnswer>;
  /** True if no file waits in the inbox or is being claimed, according to the disk. */
  isEmpty(): Promise<boolean>;
  /** Stops after the current file. */
  close(): Promise<void>;
}

/** Watches the inbox: file events only hint that a scan is due. With `events: false` it only scans. */
export function watchInbox(options: InboxOptions & { readonly events?: boolean }): Inbox {
  const scan = newScan(options);
  const waiting: { after: number; resolve: () => void }[] = [];
  const submissions: (() => Promise<void>)[] = [];
  let [begun, hinted] = [0, false];
  let running: Promise<void> | null = null;
  let timer: NodeJS.Timeout | undefined;

  async function run(): Promise<void> {
    while (hinted && !scan.closed) {
      hinted = false;
      begun += 1;
      for (const take of submissions.splice(0)) await take();
      const left = await scanOnce(scan);
      if (left > 0) continue;
      for (const one of waiting.splice(0)) one.after < begun ? one.resolve() : waiting.push(one);
    }
    running = null;
    clearTimeout(timer);
    if (!scan.closed) timer = setTimeout(hint, nextScan(scan));
  }
  function hint(): void {
    hinted = true;
    if (running === null && !scan.closed) running = run();
  }

  const watcher = options.events === false ? Promise.resolve(null) : watchEvents(scan, hint);
  hint();
  return {
    settled: () =>
      new Promise((resolve) => {
        waiting.push({ after: begun, resolve });
        hint();
      }),
    submit: (submission) =>
      new Promise((resolve, reject) => {
        submissions.push(() => takeSubmission(scan, submission, options.workspace.artifacts).then(resolve, reject));
        hint();
      }),
    async isEmpty() {
      const [dropped, claimed, kept] = await Promise.all([
        look(options.workspace.inbox),
        lookAtTaken(scan.intake.claimed),
        keptFiles(scan.intake.claimed),
      ]);
      return running === null && dropped.found.length + claimed.found.length + kept.length === 0;
    },
    async close() {
      scan.closed = true;
      clearTimeout(timer);
      await Promise.all([watcher.then((one) => one?.close()), running]);
      for (const { resolve } of waiting.splice(0)) resolve();
    },
  };
}

/** Submits if no `up` watches the inbox: the caller owns the workspace. Files in the inbox itself stay there. */
export const submitAlone = (options: InboxOptions, submission: Submission): Promise<RequestAnswer> =>
  takeSubmission(newScan(options), submission, options.workspace.artifacts);

/**
 * chokidar's events are late, since it first examines the file itself. The raw ones are not. Both only trigger a scan,
 * except for names that are not accepted: a download that writes for an hour would have the inbox scanned all the time.
 */
async function watchEvents(scan: Scan, hint: () => void): Promise<FSWatcher | null> {
  const { inbox } = scan.intake;
  let said = false;
  const trouble = (error: unknown): null => {
    if (!said)
      scan.notice(`file events of ${inbox} do not work (${String(error)}): it is scanned every ${scan.scanEvery} ms`);
    said = true;
    return null;
  };
  // The inbox itself may be a link. Links in it are not followed.
  const folder = await realpath(inbox).catch(trouble);
  if (folder === null || scan.closed) return null;
  const watcher = watch(folder, {
    depth: 0,
    ignoreInitial: false,
    followSymlinks: false,
    ignored: (path) => path !== folder && !isConfigName(basename(path)),
  });
  watcher.on('all', hint);
  watcher.on('raw', (_event, path) => {
    if (typeof path !== 'string' || isConfigName(basename(path))) hint();
  });
  watcher.on('error', trouble);
  return watcher;
}

/** Keeps all files or none (throws disk errors), and accepts them in order. The next scan takes what is left. */
export async function takeSubmission(scan: Scan, submission: Submission, artifacts: string): Promise<RequestAnswer> {
  await openScan(scan);
  const preparations = await scan.prepare(submission);
  const reasons = preparations.flatMap((one) => (one.ok ? [] : [one.reasons]));
  if (reasons.length > 0) return { kind: 'refused', reasons };
  const prepared = preparations.flatMap((one) => (one.ok ? [one.prepared] : []));
  const intentions = await inParallel(prepared, (one) => intention(one, artifacts));
  const named = prepared.map(({ name, bytes }) => ({ name: inboxName(basename(name)), bytes }));
  const kept = await keepTogether(scan.intake.claimed, named);
  const tried = new Map<string, Attempted>();
  const isOpen = (): boolean =>
    kept.some(({ path }) => !tried.has(path)) && !kept.some(({ path }) => tried.get(path)?.kind === 'fault');
  let trouble = 'a file before it is not accepted yet';
  try {
    // Files that a killed `up` had claimed come before them, and may have to settle first.
    for (let wait = 0; isOpen() && !scan.closed; wait = nextScan(scan)) {
      await delay(wait);
      await scanPlaces(scan, ['claimed', 'kept'], ({ path }, attempted) => tried.set(path, attempted));
    }
  } catch (error) {
    // They are submitted anyway: a later scan accepts them.
    trouble = messageOf(error);
  }
  const files = prepared.map(({ name, plan, fresh, known }, index): SubmissionResult => {
    const path = kept[index]?.path ?? '';
    const attempted = tried.get(path);
    const why = attempted?.kind === 'fault' ? attempted.why : trouble;
    return {
      ...{
        name,
        intention: intentions[index] ?? '',
        warnings: [...plan.warnings],
        runs: [...fresh, ...known],
        adds: fresh.length > 0,
      },
      ...(stateAfter(attempted) ?? { state: 'waiting', path: relative(scan.intake.inbox, path), why }),
    };
  });
  return { kind: 'submitted', files };
}

function stateAfter(attempted: Attempted | undefined): Pick<SubmissionResult, 'state' | 'path' | 'why'> | null {
  if (attempted?.kind === 'accepted') return { state: 'accepted', path: join('accepted', attempted.as), why: null };
  if (attempted?.kind !== 'rejected') return null;
  return { state: 'rejected', path: join('rejected', attempted.as), why: attempted.reasons };
}

/** `43a.yaml: phase 43a, 1 new run (43a-s1). Already known: 43a-s0 (done)`. */
async function intention({ name, plan, known, old, replaces, ...of }: Prepared, artifacts: string): Promise<string> {
  const states = await inParallel(known, async (run) => {
    const state = await stateOf(join(artifacts, plan.phase, run));
    return `${run} (${state ?? 'submitted before'})`;
  });
  const fresh = of.fresh.filter((run) => !old.some((row) => row.run === run));
  const replaced = replaces === null ? replacedTexts(old, []) : [correctedText(replaces)];
  return `${name}: ${additionText(plan.phase, { fresh, replaced, known: states })}`;
}
