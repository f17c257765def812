import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { textHash } from '../disk/hash.ts';
import { hubCache } from '../model/models.ts';
import { followLog, logTail } from './follow-log.ts';
import { clearControl, findTool, isAlive, type RunningTool, startTool } from './tool-process.ts';

/** A model of the Hub that is to be fetched into the cache. */
export interface Wanted {
  readonly source: string;
  /** Null: the newest. */
  readonly revision: string | null;
  /** The `env` of the run that asks first: a mirror (HF_ENDPOINT), a token. */
  readonly env: Readonly<Record<string, string>>;
}

/** How it is fetched. */
export interface DownloadMeans {
  readonly python: string;
  /** Path of python/download.py. */
  readonly driver: string;
  /** The workspace's .phasebox/. */
  readonly state: string;
  /** Bytes of the disk that stay free. */
  readonly keepFree: number;
  /** Aborted: phasebox goes down. The download goes on and is taken up again. */
  readonly signal: AbortSignal;
  /** Asked every now and then; a download that nobody wants any more is ended. */
  readonly isWanted: () => Promise<boolean>;
  readonly onLine: (line: string) => void;
}

/** `left`: phasebox went down meanwhile. `unwanted`: it was ended. `code` null: killed or lost. */
export type DownloadEnd =
  | { readonly kind: 'left' }
  | { readonly kind: 'unwanted' }
  | { readonly kind: 'ended'; readonly code: number | null; readonly tail: readonly string[] };

/** One name for the same model and commit, whoever asks for it. */
export const downloadName = ({ source, revision }: Pick<Wanted, 'source' | 'revision'>): string =>
  `${source.replace('/', '--')}-${textHash(`${source} ${revision ?? ''}`).slice(0, 8)}`;

/** The folder that a download of a model runs in: command.json, log.txt, and `alive` while it does. */
export const downloadFolder = (state: string, wanted: Pick<Wanted, 'source' | 'revision'>): string =>
  join(state, 'downloads', downloadName(wanted));

const tailLines = 20;
const ask_ms = 2000;

/** Fetches a model, or waits for one that an earlier life of phasebox began to fetch. */
export async function download(wanted: Wanted, means: DownloadMeans): Promise<DownloadEnd> {
  const { signal, onLine } = means;
  const dir = downloadFolder(means.state, wanted);
  const running = (await takeUp(dir)) ?? (await begin(dir, wanted, means));
  let leave: () => void = () => undefined;
  const left = new Promise<void>((resolve) => {
    leave = resolve;
  });
  signal.addEventListener('abort', leave, { once: true });
  // It may have been aborted while the download was being started.
  if (signal.aborted) leave();
  const unwanted = endUnwanted(running, means);
  await followLog(running.log, Promise.race([running.ended, left]), onLine).finally(() =>
    signal.removeEventListener('abort', leave),
  );
  if (signal.aborted) {
    running.leave();
    return { kind: 'left' };
  }
  const { code } = await running.ended;
  const tail = await logTail(running.log, tailLines);
  await clearControl(dir);
  return (await unwanted) ? { kind: 'unwanted' } : { kind: 'ended', code, tail };
}

/** True: it was ended because nobody wanted it any more. */
async function endUnwanted(running: RunningTool, { signal, isWanted }: DownloadMeans): Promise<boolean> {
  const over = new AbortController();
  const end = (): void => over.abort();
  void running.ended.then(end, end);
  for (;;) {
    await delay(ask_ms, undefined, { signal: AbortSignal.any([over.signal, signal]) }).catch(() => undefined); // over
    if (over.signal.aborted || signal.aborted) return false;
    if (await isWanted()) continue;
    await running.stop();
    return true;
  }
}

async function takeUp(dir: string): Promise<RunningTool | null> {
  const found = await findTool(dir);
  return found !== null && (await isAlive(dir)) ? found : null;
}

async function begin(dir: string, { source, revision, env }: Wanted, means: DownloadMeans): Promise<RunningTool> {
  await clearControl(dir);
  await rm(join(dir, 'log.txt'), { force: true });
  const at = revision === null ? [] : ['--revision', revision];
  return startTool({
    dir,
    argv: [means.python, means.driver, '--model', source, ...at, '--keep-free', String(means.keepFree)],
    // The cache that models are looked up in, whatever HF_HOME a config names.
    env: { COLUMNS: '120', ...env, PYTHONUNBUFFERED: '1', HF_HUB_CACHE: hubCache() },
    cwd: means.state,
  });
}
