import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { textHash } from '../disk/hash.ts';
import { hubCache } from '../model/models.ts';
import { followLog, logTail } from './follow-log.ts';
import { pause, settled } from './settled.ts';
import { clearControl, findTool, isAlive, type RunningTool, startTool } from './tool-process.ts';

/** A model of the Hub to fetch into the cache. */
export interface Wanted {
  readonly source: string;
  /** Null means the newest. */
  readonly revision: string | null;
  /** The `env` of the first run that needs it: a mirror (HF_ENDPOINT), a token. */
  readonly env: Readonly<Record<string, string>>;
}

/** How it is fetched. */
export interface DownloadMeans {
  readonly python: string;
  /** Path of python/download.py. */
  readonly driver: string;
  /** The workspace's .phasebox/. */
  readonly state: string;
  /** Bytes of the disk that are reserved. */
  readonly keepFree: number;
  /** Aborted when phasebox stops. The download continues, and the next process resumes watching it. */
  readonly signal: AbortSignal;
  /** Called now and then. A download that is no longer needed is stopped. */
  readonly isWanted: () => Promise<boolean>;
  readonly onLine: (line: string) => void;
}

/** `left`: phasebox stopped meanwhile. `unwanted`: the download was stopped. Without a `code` it was killed or lost. */
export type DownloadEnd =
  | { readonly kind: 'left' }
  | { readonly kind: 'unwanted' }
  | { readonly kind: 'ended'; readonly code: number | null; readonly tail: readonly string[] };

/** One name for the same model and commit, for all runs that need it. */
export const downloadName = ({ source, revision }: Pick<Wanted, 'source' | 'revision'>): string =>
  `${source.replace('/', '--')}-${textHash(`${source} ${revision ?? ''}`).slice(0, 8)}`;

/** The folder of a model's download: command.json, log.txt, and `alive` while it runs. */
export const downloadFolder = (state: string, wanted: Pick<Wanted, 'source' | 'revision'>): string =>
  join(state, 'downloads', downloadName(wanted));

const tailLines = 20;
const ask_ms = 2000;

/** Fetches a model, or waits for a download that an earlier process of phasebox started. */
export async function download(wanted: Wanted, means: DownloadMeans): Promise<DownloadEnd> {
  const { signal, onLine } = means;
  const dir = downloadFolder(means.state, wanted);
  const running = (await takeUp(dir)) ?? (await begin(dir, wanted, means));
  let leave: () => void = () => undefined;
  const left = new Promise<void>((resolve) => {
    leave = resolve;
  });
  signal.addEventListener('abort', leave, { once: true });
  // It may have been aborted while the download was starting.
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

/** True if it was stopped because it was no longer needed. */
async function endUnwanted(running: RunningTool, { signal, isWanted }: DownloadMeans): Promise<boolean> {
  const over = AbortSignal.any([settled(running.ended), signal]);
  for (;;) {
    await pause(ask_ms, over);
    if (over.aborted) return false;
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
    // The cache in which models are searched, whatever HF_HOME a config names.
    env: { COLUMNS: '120', ...env, PYTHONUNBUFFERED: '1', HF_HUB_CACHE: hubCache() },
    cwd: means.state,
  });
}
