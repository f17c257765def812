import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { StageError } from '../../core/errors.ts';
import { hasCode, nonce, readText } from '../disk/files.ts';
import { cacheInTemp, userCache } from '../host/user-cache.ts';
import { pause } from '../tool/settled.ts';
import { isAlive, revokeTool, startedBy, stopTool } from '../tool/tool-process.ts';
import { type ClaimPlace, claimNext, type Newest, newestClaim, readClaim } from './generations.ts';
import { answers, listen, socketFolder } from './sockets.ts';

/** One model-loading tool per user and machine: two models in memory make both slow, or end one of them. */

/** A claim of the machine. */
const machineClaim = z.object({
  /** Absolute folder of the tool: its `alive` shows whether the machine is taken, also after its starter has ended. */
  dir: z.string(),
  /** For people: `train of 43a-s0`. */
  what: z.string(),
  /** Root of the workspace. */
  workspace: z.string(),
  /** A server only works for the process that started it. Once that has ended, the next one in the queue stops it. */
  server: z.boolean(),
});
export type MachineClaim = z.infer<typeof machineClaim>;

/** The tool that has the machine. */
export interface Holder extends MachineClaim {
  readonly pid: number;
}

/** The machine is ours until it is released, or until this process and the tool in `dir` have both ended. */
export interface MachineSlot {
  release(): Promise<void>;
}

export type MachineAnswer =
  | { readonly kind: 'ours'; readonly slot: MachineSlot }
  | { readonly kind: 'taken'; by: Holder };

const claimFile = machineClaim.extend({ socket: z.string(), pid: z.int() });
type ClaimFile = z.infer<typeof claimFile>;

const poll_ms = 250;

/** PHASEBOX_SLOT_DIR, else the user's cache, or a private folder in the temp folder if the home folder is not writable. */
async function slotPlace(): Promise<ClaimPlace> {
  const folder = process.env.PHASEBOX_SLOT_DIR || join(await userCache(), 'slot');
  try {
    await mkdir(folder, { recursive: true });
    return { folder, name: 'slot' };
  } catch (error) {
    if (!hasCode(error, 'EACCES', 'EROFS', 'EPERM', 'ENOTDIR', 'ENOENT')) throw error;
    const own = join(await cacheInTemp(), 'slot');
    await mkdir(own, { recursive: true, mode: 0o700 });
    return { folder: own, name: 'slot' };
  }
}

/** Waits for the machine. `onWait` is called once for each holder. Throws STOPPED if the signal aborts first. */
export async function acquireMachine(
  claim: MachineClaim,
  { signal, onWait }: { readonly signal: AbortSignal; readonly onWait: (text: string) => void },
): Promise<MachineSlot> {
  let reported = '';
  for (;;) {
    if (signal.aborted) throw new StageError('STOPPED', `${claim.what} was waiting for the machine`);
    const asked = await askMachine(claim);
    if (asked.kind === 'ours') return asked.slot;
    const text = `waits for the machine: ${holderText(asked.by)}`;
    if (text !== reported) onWait(text);
    reported = text;
    await pause(poll_ms, signal);
  }
}

/** `train of 43a-s0 in /home/me/night, pid 4711` */
export const holderText = ({ what, workspace, pid }: Holder): string => `${what} in ${workspace}, pid ${pid}`;

/** The tool of this workspace that continues when `up` ends, as `train of 43a-s0`, or null. */
export async function toolThatContinues({ root }: { readonly root: string }): Promise<string | null> {
  const holder = await machineHolder();
  return holder === null || holder.server || holder.workspace !== root ? null : holder.what;
}

/** What has the machine at this moment, or null. */
export async function machineHolder(): Promise<Holder | null> {
  const newest = await newestClaim(await slotPlace());
  return newest === undefined ? null : holderOf(newest.file, null);
}

/** Takes the machine if it is free. A claim of the same folder is replaced: that tool is ours, started earlier. */
export async function askMachine(claim: MachineClaim): Promise<MachineAnswer> {
  const place = await slotPlace();
  for (;;) {
    const newest = await newestClaim(place);
    const by = newest === undefined ? null : await holderOf(newest.file, claim);
    if (by !== null) return { kind: 'taken', by };
    const slot = await tryClaim(place, newest, claim);
    if (slot !== null) return { kind: 'ours', slot };
  }
}

/** Listens, and links a file with our claim as the next generation. Null if another process was faster. */
async function tryClaim(place: ClaimPlace, newest: Newest, claim: MachineClaim): Promise<MachineSlot | null> {
  const own = nonce();
  const socket = join(await socketFolder(place.folder), `s.${own}`);
  const live = await listen(socket);
  const draft = join(place.folder, `draft.${own}`);
  const content: ClaimFile = { ...claim, socket, pid: process.pid };
  let kept = false;
  try {
    await writeFile(draft, JSON.stringify(content));
    kept = (await claimNext(place, newest, draft)) !== null;
    return kept ? { release: () => live.close() } : null;
  } finally {
    // Also if the disk is full: this is repeated, and each time would leave an open socket.
    if (!kept) await live.close();
    await rm(draft, { force: true });
  }
}

/** What holds the machine by this claim, for a process that wants `claim` (null if it only looks). */
async function holderOf(file: string, claim: MachineClaim | null): Promise<Holder | null> {
  const held = await readClaim(file, claimFile);
  if (held === null || held.dir === claim?.dir) return null;
  const { socket, pid, ...rest } = held;
  if (await answers(socket, pid)) return { ...rest, pid };
  if (claim !== null) await settle(held);
  // Checked last: a process that has ended has started everything that it was going to start.
  if (!(await isAlive(held.dir))) return null;
  return { ...rest, pid: (await startedBy(held.dir)) ?? pid };
}

/** Its process has ended: what has not started yet never will, and a server has no client left. */
async function settle({ dir, server }: ClaimFile): Promise<void> {
  if ((await readText(join(dir, 'command.json'))) === null) return;
  if (!(await revokeTool(dir)) && server) await stopTool(dir);
}
