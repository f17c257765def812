import { execFileSync } from 'node:child_process';
import { mkdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';

/** What a hand or a disk can do to a small file of ours. */
export const damages = {
  empty: (path: string) => truncate(path, 0),
  half: async (path: string) => truncate(path, Math.floor((await readFile(path)).length / 2)),
  garbage: (path: string) => writeFile(path, Buffer.from([0xff, 0xfe, 0, 27, 93, 48, 7, 10, 0x80])),
  'other type': (path: string) => writeFile(path, '[1, 2, 3]\n'),
  'lost field': (path: string) => changeObject(path, (value) => Object.fromEntries(Object.entries(value).slice(1))),
  'extra field': (path: string) => changeObject(path, (value) => ({ ...value, unheard_of: true })),
  folder: async (path: string) => {
    await rm(path);
    await mkdir(path);
  },
  'link to itself': async (path: string) => {
    await rm(path);
    await symlink(path, path);
  },
  fifo: async (path: string) => {
    await rm(path);
    execFileSync('mkfifo', [path]);
  },
  gone: (path: string) => rm(path),
} satisfies Record<string, (path: string) => Promise<unknown>>;

export type Damage = keyof typeof damages;

/** Changes the first object of a JSON or JSONL file. */
async function changeObject(path: string, change: (value: object) => object): Promise<void> {
  const text = await readFile(path, 'utf8');
  const isLines = path.endsWith('.jsonl');
  const [first = '', ...others] = isLines ? text.split('\n') : [text];
  await writeFile(path, [JSON.stringify(change(JSON.parse(first))), ...others].join('\n'));
}

/** Small files of a night, from the workspace: each can be damaged alone. */
export const smallFiles = [
  'artifacts/one/phase.json',
  'artifacts/one/one-s0/run.json',
  'artifacts/one/one-s0/journal.jsonl',
  'artifacts/one/one-s0/1-train/manifest.json',
  'artifacts/one/one-s0/2-select/manifest.json',
  'artifacts/one/one-s0/3-fuse/manifest.json',
  'artifacts/one/one-s0/6-eval/manifest.json',
  'artifacts/one/one-s0/6-eval/answers.jsonl',
  'artifacts/two/two-s0/run.json',
  'artifacts/three/three-s0/journal.jsonl',
  'artifacts/four/four-s7/run.json',
  'artifacts/four/four-s7/journal.jsonl',
  'artifacts/results.jsonl',
  'artifacts/COMPARISON.md',
  'artifacts/base/bc3b7bdd0b69/manifest.json',
  'artifacts/base/bc3b7bdd0b69/score.json',
  '.phasebox/control.json',
  '.phasebox/journal.jsonl',
  '.phasebox/id',
] as const;
