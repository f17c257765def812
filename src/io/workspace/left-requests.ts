import { readdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parsedOrNull } from '../../core/json.ts';
import { type ControlRequest, request } from '../../events/request.ts';
import { ifAbsent, readText } from '../disk/files.ts';
import { ifDamaged } from '../disk/own-file.ts';

/** What commands of 0.2 left for an `up`, as files. */
export interface LeftRequests {
  readonly requests: readonly ControlRequest[];
  /** Names of files that are not requests. */
  readonly unknown: readonly string[];
  remove(): Promise<void>;
}

/** In their order. Only regular files are read: anything else was put there by hand, and stays. */
export async function leftRequests(state: string): Promise<LeftRequests> {
  const folder = join(state, 'requests');
  const entries = await readdir(folder, { withFileTypes: true }).catch(ifAbsent([]));
  const files = entries.filter((entry) => entry.isFile()).map(({ name }) => name);
  const requests: ControlRequest[] = [];
  const unknown: string[] = [];
  for (const name of files.filter((one) => /^\d+\.[0-9a-f]+-\w+\.json$/.test(one)).sort()) {
    const text = await readText(join(folder, name)).catch(ifDamaged(null));
    const read = parsedOrNull(request, text);
    if (read === null || read.kind === 'submit' || read.kind === 'file' || read.kind === 'go') unknown.push(name);
    else requests.push(read);
  }
  return {
    requests,
    unknown,
    async remove() {
      for (const name of files) await rm(join(folder, name), { force: true });
      await rmdir(folder).catch(() => undefined); // not there, or something else lies in it
    },
  };
}
