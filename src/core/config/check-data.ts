import { basename, dirname, join } from 'node:path';
import type { Run } from '../../events/run.ts';
import { hubDataHint } from './foreign-keys.ts';
import type { Lookups } from './lookups.ts';
import type { Finding, Looked } from './problem.ts';
import type { UsablePhase } from './read-phase.ts';

/** Looks up the folder of the training data. A missing `data` is reported elsewhere. */
export async function checkData(
  { data: source }: Pick<UsablePhase, 'data'>,
  lookups: Pick<Lookups, 'absolute' | 'look'>,
): Promise<Looked<NonNullable<Run['data']>>> {
  if (source === undefined) return { value: null, findings: [] };
  const folder = lookups.absolute(source);
  const value = { source, folder };
  const at = { path: ['data'], seen: source, absent: true } as const;
  const entry = await lookups.look(folder);
  if (entry?.kind === 'file') {
    const message = `${folder} is a file; a folder with train.jsonl and valid.jsonl is expected`;
    return { value, findings: [{ ...at, message, hint: fileHint(source) }] };
  }
  if (entry?.kind !== 'folder') {
    const message = `the folder ${folder} does not exist; a folder with train.jsonl and valid.jsonl is expected`;
    return { value, findings: [{ ...at, message, hint: await absentHint(source, lookups) }] };
  }
  const findings: Finding[] = [];
  for (const name of ['train.jsonl', 'valid.jsonl']) {
    const file = await lookups.look(join(folder, name));
    if (file?.kind !== 'file') findings.push({ ...at, message: `${join(folder, name)} does not exist` });
    else if (file.bytes === 0) findings.push({ ...at, message: `${join(folder, name)} is empty` });
  }
  return { value, findings };
}

const fileHint = (source: string): string =>
  /^(train|valid|test)\.jsonl$/.test(basename(source))
    ? `write its folder: \`data: ${dirname(source)}\``
    : 'put it into a folder of its own as train.jsonl, with some examples of it in valid.jsonl';

/** A name such as org/rows may be that of a data set of the Hub, unless its first part is a folder here. */
async function absentHint(source: string, lookups: Pick<Lookups, 'absolute' | 'look'>): Promise<string> {
  const [owner] = /^[A-Za-z0-9][\w.-]*(?=\/[\w.-]+$)/.exec(source) ?? [];
  const isHere = owner === undefined || (await lookups.look(lookups.absolute(owner)))?.kind === 'folder';
  return isHere ? 'relative paths are resolved from the workspace' : hubDataHint(source);
}
