import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { parsedOrNull } from '../../core/json.ts';
import { linkNew, listNames, readText } from '../disk/files.ts';
import { ifDamaged } from '../disk/own-file.ts';
import { answers, isSocketName, socketFolder } from './sockets.ts';

/**
 * Claims without a lock that a person would have to clear: `<name>.<n>` files, each made by a link, of which the
 * highest counts. It stays after its release: numbers never decrease, so a slow process can only make an old one.
 */
export interface Generation {
  readonly number: number;
  readonly file: string;
}

/** Where the claims of one name are. */
export interface ClaimPlace {
  readonly folder: string;
  readonly name: string;
}

async function generations({ folder, name }: ClaimPlace): Promise<Generation[]> {
  const prefix = `${name}.`;
  const found = (await listNames(folder)).filter(
    (file) => file.startsWith(prefix) && /^\d+$/.test(file.slice(prefix.length)),
  );
  return found
    .map((file) => ({ number: Number(file.slice(prefix.length)), file: join(folder, file) }))
    .sort((a, b) => a.number - b.number);
}

/** The claim that counts, or undefined if there is none. */
export type Newest = Generation | undefined;
export const newestClaim = async (place: ClaimPlace): Promise<Newest> => (await generations(place)).at(-1);

/** The content of a claim. Null if it is gone, damaged, or torn by a power cut: then no living process wrote it. */
export async function readClaim<T>(file: string, schema: z.ZodType<T>): Promise<T | null> {
  return parsedOrNull(schema, await readText(file).catch(ifDamaged(null)));
}

/** Links the draft as the generation after `newest`, and removes the older ones. Null if another process was faster. */
export async function claimNext(place: ClaimPlace, newest: Newest, draft: string): Promise<Generation | null> {
  const number = (newest?.number ?? 0) + 1;
  const file = join(place.folder, `${place.name}.${number}`);
  if (!(await linkNew(draft, file)) || (await newestClaim(place))?.number !== number) return null;
  await removeOlder(place, number);
  return { number, file };
}

const anyClaim = z.object({ socket: z.string(), pid: z.int() });

async function removeOlder(place: ClaimPlace, number: number): Promise<void> {
  const sockets = await socketFolder(place.folder);
  for (const older of await generations(place)) {
    if (older.number >= number) continue;
    const claim = await readClaim(older.file, anyClaim);
    await rm(older.file, { recursive: true, force: true });
    // A claim is untrusted data: only a socket of ours, in the folder of our sockets, is deleted.
    if (claim === null || !isSocketName(claim.socket, sockets)) continue;
    if (!(await answers(claim.socket, claim.pid))) await rm(claim.socket, { force: true });
  }
}
