import { rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import * as z from 'zod';
import { CommandError } from '../../core/errors.ts';
import { nonce, writeWhole } from '../disk/files.ts';
import { machineId } from '../host/process-facts.ts';
import { type ClaimPlace, claimNext, type Generation, newestClaim, readClaim } from './generations.ts';
import { openRequestServer, type RequestServer } from './requests.ts';
import { answers, listen, socketFolder } from './sockets.ts';

/** One `up` per workspace: a claim counts while its owner's socket answers, so no lock has to be cleared by hand. */

/** This process owns the workspace until it releases it or dies. */
export interface Ownership {
  /** Answers the requests of commands. */
  readonly requests: RequestServer;
  /** Called once if another process owns the workspace now, because this claim was deleted for a while. */
  onLost(listener: () => void): void;
  release(): Promise<void>;
}

export type Claim =
  | { readonly kind: 'owned'; readonly ownership: Ownership }
  | ({ readonly kind: 'taken' } & LivingOwner);

/** The owner of a workspace. `moment` is a command that does the work of an `up` if there is none, and ends soon. */
export interface LivingOwner {
  readonly pid: number;
  readonly moment: boolean;
  readonly socket: string;
  /** The version of requests that it answers. It is null for an `up` of an earlier version. */
  readonly requests: number | null;
}

/** Raise it if an earlier version would misread today's requests (events/request.ts). */
const requestVersion = 1;

/** True if the owner understands the requests of this version. */
export const understandsUs = ({ requests }: LivingOwner): boolean => requests === requestVersion;

const claimFile = z.object({
  socket: z.string(),
  pid: z.int(),
  moment: z.boolean().default(false),
  /** The machine, by its id and by the name that people know. Claims of 0.1.0 lack both. */
  machine: z.string().optional(),
  host: z.string().optional(),
  requests: z.int().optional(),
  /** The owner has ended in order. */
  released: z.boolean().optional(),
});

const claimsOf = (state: string): ClaimPlace => ({ folder: state, name: 'up' });

/**
 * Listens on a socket of its own, then links a file with the socket's path as the next generation, `up.<g+1>`. If the
 * link exists, another process was faster. Only the highest generation owns the workspace. Throws CommandError 3 if
 * another machine owns it: its socket cannot be reached from here, so it never counts as dead.
 */
export async function claimWorkspace(state: string, moment = false): Promise<Claim> {
  const own = nonce();
  const socket = join(await socketFolder(state), `s.${own}`);
  const requests = openRequestServer();
  const server = await listen(socket, requests.serve);
  const draft = join(state, `claim.${own}`);
  const who = { pid: process.pid, machine: await machineId(), host: hostname() };
  const content = { socket, moment, requests: requestVersion, ...who };
  await writeFile(draft, JSON.stringify(content));
  let kept = false;
  try {
    for (;;) {
      const newest = await newestClaim(claimsOf(state));
      const owner = newest === undefined ? null : await livingOwner(newest);
      if (owner !== null) return { kind: 'taken', ...owner };
      if (newest !== undefined) await refuseOtherMachine(newest);
      const mine = await claimNext(claimsOf(state), newest, draft);
      if (mine === null) continue;
      const guard = guardClaim(state, mine, content);
      const release = async (): Promise<void> => {
        guard.close();
        await Promise.all([requests.close(), server.close()]);
        // Not worth an error: without this mark, another machine asks a person whether this owner has ended.
        await writeWhole(mine.file, JSON.stringify({ ...content, released: true })).catch(() => undefined);
      };
      kept = true;
      return { kind: 'owned', ownership: { requests, onLost: guard.onLost, release } };
    }
  } finally {
    if (!kept) await Promise.all([requests.close(), server.close()]);
    await rm(draft, { force: true });
  }
}

const guard_ms = 2000;

/** Restores a claim that was deleted or damaged while its owner lives: without it a second `up` would start. */
function guardClaim(state: string, { number, file }: Generation, content: { readonly socket: string }) {
  const lost: (() => void)[] = [];
  const look = async (): Promise<void> => {
    const newest = await newestClaim(claimsOf(state));
    if (newest !== undefined && newest.number > number) {
      for (const listener of lost.splice(0)) listener();
      clearInterval(timer);
    } else if ((await readClaim(file, claimFile))?.socket !== content.socket)
      await writeWhole(file, JSON.stringify(content));
  };
  // A full or missing disk is reported elsewhere. The next check tries again.
  const timer = setInterval(() => void look().catch(() => undefined), guard_ms).unref();
  return { onLost: (listener: () => void): void => void lost.push(listener), close: () => clearInterval(timer) };
}

/** The pid of the `up` that owns the workspace, or null if none is alive. */
export const ownerOf = async (state: string): Promise<number | null> => (await findUp(state))?.pid ?? null;

/** The `up` that owns the workspace, or null if none is alive. */
export async function findUp(state: string): Promise<LivingOwner | null> {
  const newest = await newestClaim(claimsOf(state));
  const owner = newest === undefined ? null : await livingOwner(newest);
  return owner === null || owner.moment ? null : owner;
}

async function refuseOtherMachine({ file }: Generation): Promise<void> {
  const claim = await readClaim(file, claimFile);
  const { machine, host, pid, released } = claim ?? {};
  if (machine === undefined || released === true || machine === (await machineId())) return;
  throw new CommandError(
    3,
    `phasebox on ${host} (pid ${pid}) owns this workspace, and whether it still runs cannot be seen from here. End it there (\`phasebox stop\`). If that machine is off or was replaced, delete ${file} and try again. You can copy configs into the inbox from here.`,
  );
}

async function livingOwner(generation: Generation): Promise<LivingOwner | null> {
  const claim = await readClaim(generation.file, claimFile);
  if (claim === null) return null;
  const { socket, pid, moment, requests = null } = claim;
  return (await answers(socket, pid)) ? { socket, pid, moment, requests } : null;
}
