import { setTimeout as delay } from 'node:timers/promises';
import { asStageError, StageError } from '../../core/errors.ts';
import { isProgressBar } from '../../core/mlx/mlx-log.ts';
import { downloadError } from '../../core/run/download.ts';
import { standing } from '../../core/run/due.ts';
import { retryPause } from '../../core/run/retry.ts';
import type { StoredRun } from '../../io/artifacts/run-store.ts';
import { driverPath } from '../../io/host/package-root.ts';
import { baseRevision, findBaseModel, resolveModel } from '../../io/model/models.ts';
import { type DownloadMeans, download, downloadFolder, downloadName, type Wanted } from '../../io/tool/download.ts';
import { isAlive } from '../../io/tool/tool-process.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { type Failure, giveUp, startChecks } from './check-fetched.ts';

interface Listed extends Wanted {
  readonly failures: string[];
  /** Not tried before (ms of `performance.now`). */
  notBefore: number;
}

const gigabyte = 2 ** 30;
/** Progress bars are redrawn many times per second. */
const bar_ms = 10_000;
/** How soon a newly needed model is noticed while another one waits for its next try. */
const longest_pause_ms = 1000;

export type Fetcher = ReturnType<typeof startFetcher>;

/**
 * Fetches models in the background, one at a time: runs with `download: true` wait for theirs before they start.
 * `onChange` is called when a model has arrived, or will not: other runs may start then.
 */
export function startFetcher(runtime: Runtime, onChange: () => Promise<void>) {
  const { signal, log } = runtime;
  const list = new Map<string, Listed>();
  const fetched = new Set<string>();
  let working: Promise<void> | null = null;
  const work = async (): Promise<void> => {
    for (let next = first(list); next !== null && !signal.aborted; next = first(list)) {
      const [name, listed] = next;
      const pause = Math.min(longest_pause_ms, listed.notBefore - performance.now());
      if (pause > 0) await delay(pause);
      else if (!(await isWanted(runtime, name))) list.delete(name);
      else if (await fetchOnce(runtime, listed)) {
        list.delete(name);
        fetched.add(name);
        await onChange();
      }
    }
  };
  const begin = (): void => {
    working ??= work()
      .catch((error: unknown) => log.error({ err: error }, 'models could not be fetched'))
      .finally(() => {
        working = null;
      });
  };
  const checks = startChecks(runtime, onChange);
  const fetch = (name: string, wanted: Wanted): void => {
    if (!list.has(name)) list.set(name, { ...wanted, failures: [], notBefore: 0 });
    if (!signal.aborted) begin();
  };
  return {
    /** Whether a queued run's base model allows it to start. A missing model is added to the list. */
    async ready(stored: StoredRun): Promise<boolean> {
      const { run, model, env } = stored.run;
      if (model === null || model.folder !== null) return true;
      if (checks.isRunning(run)) return false;
      const journal = await runtime.runStore.journal(stored);
      const wanted = { source: model.source, revision: baseRevision(model, journal), env };
      const name = downloadName(wanted);
      // Weights may exist before the tokenizer: a model that is still being fetched is not complete.
      const isIncomplete = list.has(name) || (await isAlive(downloadFolder(runtime.workspace.state, wanted)));
      if (!isIncomplete && (await mayBeHere(runtime, stored))) {
        if (journal.some((line) => line.event === 'fetched')) return true;
        checks.begin(stored, model.download && !fetched.has(name) ? () => fetch(name, wanted) : null);
        return false;
      }
      // Its first stage reports what is missing.
      if (!model.download) return true;
      fetch(name, wanted);
      return false;
    },
    async close(): Promise<void> {
      await Promise.all([working, checks.close()]);
    },
  };
}

/** True also for an unreadable model: its check reports why. */
async function mayBeHere({ runStore, workspace }: Runtime, stored: StoredRun): Promise<boolean> {
  const journal = await runStore.journal(stored);
  const model = await findBaseModel(stored.run, journal, workspace.root).catch(() => 'unreadable' as const);
  return model === 'unreadable' || model?.found === true;
}

/** The model that may be tried first, in order of arrival. */
function first(list: ReadonlyMap<string, Listed>): readonly [string, Listed] | null {
  return [...list].sort(([, a], [, b]) => a.notBefore - b.notBefore)[0] ?? null;
}

async function revisionOf({ runStore }: Runtime, stored: StoredRun): Promise<string | null> {
  const { model } = stored.run;
  return model === null ? null : baseRevision(model, await runStore.journal(stored));
}

/** Queued runs that cannot start without this model. */
async function waitersFor(runtime: Runtime, name: string): Promise<StoredRun[]> {
  const { runStore, rows } = runtime;
  const waiters: StoredRun[] = [];
  for (const stored of runStore.all()) {
    const { run, model } = stored.run;
    if (rows.has(run) || model === null || model.folder !== null || !model.download) continue;
    if (downloadName({ ...model, revision: await revisionOf(runtime, stored) }) !== name) continue;
    if (standing(await runStore.journal(stored), false) === 'waiting') waiters.push(stored);
  }
  return waiters;
}

const isWanted = async (runtime: Runtime, name: string): Promise<boolean> =>
  (await waitersFor(runtime, name)).length > 0;

/** True if the model has arrived or is not retried. False if it must be tried again, or phasebox stops. */
async function fetchOnce(runtime: Runtime, listed: Listed): Promise<boolean> {
  const { source, revision } = listed;
  const started = performance.now();
  tell(runtime, source, 'fetching its model');
  let tail: readonly string[] = [];
  try {
    const end = await download(listed, means(runtime, listed));
    if (end.kind === 'left') return false;
    if (end.kind === 'unwanted') {
      tell(runtime, source, 'no run needs it now, so the download stops; fetched files stay in the cache');
      return true;
    }
    tail = end.tail;
    const found = await resolveModel(source, revision, runtime.workspace.root);
    // Another download brings the same files.
    if (!found.found && found.kind === 'unusable') throw new StageError('BAD_MODEL', `${found.message}. ${found.hint}`);
    if (!found.found)
      throw downloadError(end.code, end.code === 0 ? [found.message] : end.tail, { source, python: runtime.python });
    tell(runtime, source, `fetched in ${((performance.now() - started) / 1000).toFixed(1)} s`);
    return true;
  } catch (error) {
    return fetchFailed(runtime, listed, { error: asStageError(error), tail });
  }
}

function means(runtime: Runtime, listed: Listed): DownloadMeans {
  const { python, workspace, signal, log } = runtime;
  let bar = Number.NEGATIVE_INFINITY;
  const onLine = (line: string): void => {
    const isBar = isProgressBar(line);
    if (isBar && performance.now() - bar < bar_ms) return;
    if (isBar) bar = performance.now();
    log.info({ model: listed.source }, line);
  };
  const keepFree = Math.round(workspace.config.disk_reserve_gb * gigabyte);
  const wanted = (): Promise<boolean> => isWanted(runtime, downloadName(listed));
  const driver = driverPath('download');
  return { python, driver, state: workspace.state, keepFree, signal, isWanted: wanted, onLine };
}

async function fetchFailed(runtime: Runtime, listed: Listed, { error, tail }: Failure): Promise<boolean> {
  const pause = retryPause(error.code, listed.failures, runtime.workspace.config);
  runtime.log.error({ model: listed.source, code: error.code, err: error }, error.message);
  if (pause === null) {
    for (const stored of await waitersFor(runtime, downloadName(listed)))
      await giveUp(runtime, stored, { error, tail });
    return true;
  }
  // Its own driver checks the free space, so a short pause costs nothing.
  if (error.code !== 'DISK_FULL') listed.failures.push(error.code);
  listed.notBefore = performance.now() + pause * 1000;
  tell(runtime, listed.source, `not fetched, tried again in ${pause} s. ${error.message}`);
  return false;
}

function tell(runtime: Runtime, model: string, text: string): void {
  runtime.log.info({ model }, text);
  runtime.notice({ kind: 'model', model, text });
}
