import { realpath } from 'node:fs/promises';
import { basename } from 'node:path';
import { type FSWatcher, watch } from 'chokidar';
import { isConfigName } from '../core/config/inbox-names.ts';
import type { RequestAnswer, Submission } from '../events/request.ts';
import { keptFiles } from './kept-files.ts';
import { look, lookAtTaken } from './look.ts';
import { type InboxOptions, newScan, nextScan, type Scan, scanOnce } from './scan.ts';
import { takeSubmission } from './take-submission.ts';

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
 * chokidar's events are late, since it first examines the file itself. The raw ones are not. Both only trigger a scan.
 * Names that are not accepted trigger none: a download that writes for an hour would have the inbox scanned all the
 * time.
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
