import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import * as z from 'zod';
import { StageError } from '../../core/errors.ts';
import { parsedOrNull } from '../../core/json.ts';
import { hasCode, isOddFile, readText, useFile } from '../disk/files.ts';
import { ifDamaged } from '../disk/own-file.ts';
import { bootId, commandLine, groupMembers, holdersOf, sendSignal } from '../host/process-facts.ts';

const wrapper = fileURLToPath(new URL('./wrap.sh', import.meta.url));
/** The whole nonce: a part of it could be an argument of any process. */
const nonceShape = /^pbx-[0-9a-f]{24}$/;
const commandFile = z.object({
  nonce: z.string().regex(nonceShape),
  argv: z.array(z.string()),
  boot: z.string(),
  /** A model server: without `up` it only waits. */
  server: z.boolean().optional(),
});
const revokedMark = 'revoked';
/** Left next to the outputs. They are never part of a commit: opening a fifo to hash it would block without end. */
export const controlFiles = ['alive', 'started', 'exit'] as const;
/** Those of them that are fifos. */
export const ownFifos: readonly string[] = ['alive'];
const termGrace_ms = 8000;
/** Characters of a command in an error. */
const longestCommand = 200;
const poll_ms = 100;
/** Whether the wrapper is alive is checked less often: on macOS each check starts a `ps`, and a night has many. */
const look_ms = 1000;

export interface ToolStart {
  /** An absolute path, which is made if it does not exist. It gets command.json, log.txt and the control files. */
  readonly dir: string;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly server?: boolean;
}

/** How a tool ended. A `code` of null means killed, lost, or ended in another boot, so its outputs prove nothing. */
export interface ToolEnd {
  readonly code: number | null;
}

export interface RunningTool {
  readonly pid: number | null;
  readonly log: string;
  readonly ended: Promise<ToolEnd>;
  stop(): Promise<void>;
  /** Lets this process end while the tool continues. `ended` may never settle then. */
  leave(): void;
}

/** Starts a tool in a session of its own, under the wrapper, to outlive this process. Throws StageError NOT_STARTED. */
export async function startTool(start: ToolStart): Promise<RunningTool> {
  const { dir, argv, env, cwd, server = false } = start;
  const nonce = `pbx-${randomBytes(12).toString('hex')}`;
  await mkdir(dir, { recursive: true });
  // Written before the spawn, so that any later process can see which process belongs to this folder.
  const command = { nonce, argv, boot: await bootId(), server };
  await writeFile(join(dir, 'command.json'), JSON.stringify(command));
  const apart = { detached: true, stdio: 'ignore', reject: false, cleanup: false } as const;
  const child = execa('sh', [wrapper, nonce, dir, ...argv], { cwd, env, ...apart });
  // Without a pid there is no process to wait for.
  if (child.pid === undefined) throw await notStarted(child, start);
  const left = new AbortController();
  const held = { leader: child.pid, nonce };
  const ended = child.then(() => waitForEnd(dir, left.signal, held));
  const leave = (): void => {
    left.abort();
    child.unref();
  };
  // Its files may have been deleted. This process knows the tool without them.
  const stop = (): Promise<void> => stopTool(dir).then(() => endHeld(held));
  return { pid: child.pid, log: join(dir, 'log.txt'), ended, stop, leave };
}

async function notStarted(spawned: Promise<{ readonly code?: string }>, { argv, cwd }: ToolStart): Promise<StageError> {
  const { code = 'no process' } = await spawned;
  return new StageError('NOT_STARTED', `${code}, in ${cwd}: ${argv.join(' ').slice(0, longestCommand)}`);
}

/** What is known about a tool that was started earlier, by this process or by one that has ended. */
export async function findTool(dir: string): Promise<RunningTool | null> {
  if ((await readText(join(dir, 'command.json'))) === null) return null;
  const revoked = await revokeTool(dir);
  const pid = revoked ? null : await startedBy(dir);
  const left = new AbortController();
  const nonce = (await readCommand(dir))?.nonce;
  const held = nonce === undefined || pid === null ? null : { leader: pid, nonce };
  const ended = revoked ? Promise.resolve({ code: null }) : waitForEnd(dir, left.signal, held);
  return { pid, log: join(dir, 'log.txt'), ended, stop: () => stopTool(dir), leave: () => left.abort() };
}

/** The pid of the wrapper that started a tool in `dir`. It is null if no tool started there. */
export async function startedBy(dir: string): Promise<number | null> {
  const pid = Number(await readNote(dir, 'started'));
  return pid > 1 ? pid : null;
}

/** The process that makes `started` first decides. True if this one made it, so that the tool can never start. */
export async function revokeTool(dir: string): Promise<boolean> {
  try {
    await useFile(open(join(dir, 'started'), 'wx'), (file) => file.writeFile(revokedMark));
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return wasRevoked(dir);
    // The folder itself is gone, since a commit or a cleanup removed it: nothing can start there.
    if (hasCode(error, 'ENOENT')) return true;
    throw error;
  }
}

/** An empty `started` is from a wrapper, which then has the fifo open, or from a process that died at this point. */
async function wasRevoked(dir: string): Promise<boolean> {
  for (;;) {
    const lives = await isAlive(dir);
    const text = await readNote(dir, 'started');
    if (text !== '' || !lives) return text === '' || text === revokedMark;
    await delay(5);
  }
}

/** True while wrapper or tool hold the fifo open. The kernel answers this, so no reused pid and no clock can be wrong. */
export async function isAlive(dir: string): Promise<boolean> {
  try {
    const opening = open(join(dir, 'alive'), constants.O_WRONLY | constants.O_NONBLOCK);
    return (await useFile(opening, (file) => file.stat())).isFIFO();
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR') || isOddFile(error)) return false;
    throw error;
  }
}

/** A tool's leader, as this process knows it without its folder. */
interface Held {
  readonly leader: number;
  readonly nonce: string;
}

/** Kills the group of a leader that was verified to carry our nonce. */
async function endHeld({ leader, nonce }: Held): Promise<void> {
  const isThere = async (): Promise<boolean> => (await commandLine(leader))?.split(' ').includes(nonce) === true;
  if (!(await isThere())) return;
  sendSignal(-leader, 'SIGTERM');
  const end = performance.now() + termGrace_ms;
  while ((await isThere()) && performance.now() < end) await delay(20);
  if (await isThere()) sendSignal(-leader, 'SIGKILL');
}

/** Waits until no process holds the fifo open. Then the exit code is final. */
async function waitForEnd(dir: string, left: AbortSignal, held: Held | null): Promise<ToolEnd> {
  for (let looked = 0; await isAlive(dir); await delay(poll_ms)) {
    if (left.aborted) return { code: null };
    if (performance.now() - looked < look_ms) continue;
    looked = performance.now();
    const leader = await startedBy(dir);
    // The wrapper has ended but its tool has not. Its exit code can never be known, so it is stopped.
    if (leader !== null && (await exitCode(dir)) === null && (await commandLine(leader)) === null) await stopTool(dir);
  }
  const code = await exitCode(dir);
  // Its fifo may have been deleted. Then the kernel cannot answer for it, but the process itself can still be checked.
  if (code === null && held !== null) await endHeld(held);
  if (code === null) return { code };
  const command = await readCommand(dir);
  return { code: command?.boot === (await bootId()) ? code : null };
}

/** A file that this process or a wrapper wrote about a tool, or null if it does not exist or is not a file. */
const readNote = (dir: string, name: string): Promise<string | null> =>
  readText(join(dir, name)).catch(ifDamaged(null));

/** Null if it was not written, or if the wrapper was killed between making the file and writing into it. */
export async function exitCode(dir: string): Promise<number | null> {
  const text = await readNote(dir, 'exit');
  return text === null || !text.endsWith('\n') ? null : Number(text);
}

/**
 * TERM to the tool's group, 8 s, KILL: only if the fifo has a reader and the group is ours (its leader's arguments
 * contain our nonce, or, leader gone, a member holds our fifo open).
 */
export async function stopTool(dir: string): Promise<void> {
  const command = await readCommand(dir);
  const leader = await startedBy(dir);
  if (command === null || leader === null || !(await isAlive(dir))) return;
  if (!(await isOurs(dir, leader, command.nonce))) return;
  const end = performance.now() + termGrace_ms;
  sendSignal(-leader, 'SIGTERM');
  while ((await isAlive(dir)) && performance.now() < end) await delay(20);
  while (await isAlive(dir)) {
    if (!(await isOurs(dir, leader, command.nonce))) return;
    sendSignal(-leader, 'SIGKILL');
    await delay(20);
  }
}

async function isOurs(dir: string, leader: number, nonce: string): Promise<boolean> {
  const line = await commandLine(leader);
  if (line !== null) return line.split(' ').includes(nonce);
  return (await holdersOf(join(dir, 'alive'), await groupMembers(leader))).length > 0;
}

/** Removes the control files, so that the folder can be committed or another tool can start in it. */
export async function clearControl(dir: string): Promise<void> {
  for (const name of [...controlFiles, 'command.json']) await rm(join(dir, name), { recursive: true, force: true });
}

/** What was started in `dir`. Null if there is no record that phasebox wrote, which then proves nothing. */
export async function readCommand(dir: string): Promise<z.infer<typeof commandFile> | null> {
  // If a crash tore it while it was written, its tool was never spawned.
  return parsedOrNull(commandFile, await readNote(dir, 'command.json'));
}
