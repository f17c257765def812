import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type * as z from 'zod';
import { parsedOrNull } from '../../core/json.ts';
import { ifAbsent, readText } from '../disk/files.ts';
import { ifDamaged } from '../disk/own-file.ts';

/**
 * Claims without a lock that would have to be cleared by hand: `<name>.<n>` files, each made by a link, of which the
 * highest counts.
 */

export interface Generation {
  readonly number: number;
  readonly file: string;
}

/** The claims of this name in a folder, the highest last. */
export async function generations(folder: string, name: string): Promise<Generation[]> {
  const prefix = `${name}.`;
  const found = (await readdir(folder).catch(ifAbsent([]))).filter(
    (file) => file.startsWith(prefix) && /^\d+$/.test(file.slice(prefix.length)),
  );
  return found
    .map((file) => ({ number: Number(file.slice(prefix.length)), file: join(folder, file) }))
    .sort((a, b) => a.number - b.number);
}

/** The content of a claim. Null if it is gone, damaged, or torn by a power cut: then no living process wrote it. */
export async function readClaim<T>(file: string, schema: z.ZodType<T>): Promise<T | null> {
  return parsedOrNull(schema, await readText(file).catch(ifDamaged(null)));
}
