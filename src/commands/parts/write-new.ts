import { writeFile } from 'node:fs/promises';
import { CommandError } from '../../core/errors.ts';
import { atPath, hasCode } from '../../io/disk/files.ts';

/** Writes a file for a person. An existing one may be in use, so it is never overwritten: CommandError 2. */
export async function writeNew(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text, { flag: 'wx' }).catch(atPath(path));
  } catch (error) {
    if (hasCode(error, 'EEXIST')) throw new CommandError(2, `${path} already exists. Give -o another name.`);
    if (hasCode(error, 'ENOENT', 'EISDIR')) throw new CommandError(2, `${path} cannot be written: no such folder.`);
    throw error;
  }
}
