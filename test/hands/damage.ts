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

const below = (folder: string, ...names: readonly string[]): string[] => names.map((name) => `${folder}/${name}`);

/**
 * A file of every kind that a prepared night holds: paths in the workspace as regular expressions, since some names hold
 * a hash or a number.
 */
export const smallFiles: readonly string[] = [
  ...below('artifacts', 'results.jsonl', 'COMPARISON.md', 'report.html', 'runs.md'),
  ...below('artifacts/base/[0-9a-f]+', 'manifest.json', 'score.json', 'answers.jsonl'),
  ...below('artifacts/one', 'phase.json', 'answers.md', 'one-s0/run.json', 'one-s0/journal.jsonl'),
  ...below('artifacts/one/one-s0/1-train', 'manifest.json', 'command.json', 'log.txt', 'profile.json', 'train.yaml'),
  'artifacts/one/one-s0/1-train/adapter/adapter_config.json',
  ...below('artifacts/one/one-s0/2-select', 'manifest.json', 'asked.json'),
  ...below('artifacts/one/one-s0/2-select/candidates', '0000010/answers.jsonl', 'base.json'),
  ...below('artifacts/one/one-s0', '3-fuse/manifest.json', '4-quantize/manifest.json', '5-cleanup/manifest.json'),
  ...below('artifacts/one/one-s0/6-eval', 'manifest.json', 'answers.jsonl', 'asked.json', 'cost/cost.json'),
  ...below('artifacts/two', 'phase.json', 'two-s0/run.json', 'two-s0/journal.jsonl', 'two-s0/3-fuse/manifest.json'),
  ...below('artifacts/three/three-s0', 'journal.jsonl', '.1-train.a1/command.json'),
  ...below('artifacts/eval/eval-s0', 'journal.jsonl', '1-train/manifest.json', '3-fuse/manifest.json'),
  ...below('artifacts/eval/eval-s0/.6-eval.a1', 'asked.json', 'answers.jsonl'),
  ...below('artifacts/select/select-s0/.2-select.a1', 'asked.json', 'candidates/0000010/answers.jsonl'),
  'artifacts/select/select-s0/.2-select.a1/candidates/base.json',
  ...below('artifacts/train/train-s0', 'run.json', 'journal.jsonl'),
  ...below('artifacts/train/train-s0/.1-train.a1', 'command.json', 'started', 'log.txt', 'profile.json', 'train.yaml'),
  ...below('artifacts/train/train-s0/.1-train.a1/check', 'command.json', 'exit', 'log.txt'),
  ...below('artifacts', 'five/five-s0/run.json', 'five/five-s0/journal.jsonl', 'after/after-s0/run.json'),
  ...below('.phasebox', 'id', 'journal.jsonl', 'control.json', 'broker.json', 'up.\\d+'),
  ...below('.phasebox', 'broker/server.log', 'broker/appendonlydir/[^/]+.manifest', 'log/phasebox.log'),
  '.phasebox/prompts/[0-9a-f]+.json',
  ...['.slot/slot.\\d+', 'inbox/rejected/wrong.yaml.reasons.txt'],
];

/** A file and what is done to it. */
export interface Pair {
  readonly file: string;
  readonly damage: Damage;
}

/** Every damage of every file that it can be done to. */
export const pairs: readonly Pair[] = smallFiles.flatMap((file) =>
  (Object.keys(damages) as Damage[])
    .filter((damage) => /\.jsonl?$/.test(file) || !damage.includes('field'))
    .map((damage) => ({ file, damage })),
);
