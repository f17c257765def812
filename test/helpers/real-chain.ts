import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { type Row, row } from '../../src/events/row.ts';
import { type JournalLine, journalLine, type Manifest, manifest } from '../../src/events/run.ts';
import type { Score } from '../../src/events/score.ts';
import { attemptFolder, type StageName, stageFolder } from '../../src/events/stages.ts';
import { builtCommand } from './chain.ts';
import { demoFolder, testPython } from './real-stage.ts';
import { type Seen, watchWeights } from './weights-seen.ts';

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a command said, for the message of a failed test. */
export const told = ({ stdout, stderr }: Ended): string => `${stdout}\n${stderr}`;

/** A workspace in a folder with a space in its name, with the demo's models, data and suite, and the real mlx_lm. */
export interface RealWorkspace {
  readonly root: string;
  /** Puts a config into the inbox; `name` decides the order. */
  drop(name: string, config: Readonly<Record<string, unknown>>): Promise<string>;
  phasebox(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Ended>;
  rows(): Promise<ReadonlyMap<string, Row>>;
  /** Folder of a run, or of one of its stages. */
  at(run: string, stage?: StageName): string;
  attempt(run: string, stage: StageName): string;
  manifest(run: string, stage: StageName): Promise<Manifest>;
  journal(run: string): Promise<JournalLine[]>;
}

const made: string[] = [];
// Registered once, for all files that share a workspace.
after(async () => {
  for (const folder of made.splice(0)) await rm(folder, { recursive: true, force: true, maxRetries: 5 });
});

/** The environment of a command: what this machine is set to must not decide a test. */
function environment(more: Readonly<Record<string, string>>): Record<string, string | undefined> {
  return { ...process.env, REDIS_URL: undefined, PHASEBOX_PYTHON: undefined, ...more };
}

/** Run ids are `<phase>-s<seed>...`. */
const phaseOf = (run: string): string => run.replace(/-s\d+(\.\d+)?(-[a-z0-9_]+)?$/, '');

/** Removed when all tests are over. */
export async function realWorkspace(python = testPython): Promise<RealWorkspace> {
  const folder = await mkdtemp(join(tmpdir(), 'phasebox-real-'));
  made.push(folder);
  const root = join(folder, 'my night');
  await mkdir(join(root, 'inbox'), { recursive: true });
  await cp(demoFolder, join(root, 'demo'), { recursive: true });
  const config = { python, disk_reserve_gb: 0, stage_retries: 0 };
  await writeFile(join(root, 'phasebox.yaml'), JSON.stringify(config));
  const at = (run: string, stage?: StageName): string =>
    join(root, 'artifacts', phaseOf(run), run, ...(stage === undefined ? [] : [stageFolder(stage)]));
  return {
    root,
    at,
    attempt: (run, stage) => join(at(run), attemptFolder(stage, 1)),
    async drop(name, phase) {
      const path = join(root, 'inbox', `${name}.json`);
      await writeFile(path, JSON.stringify(phase));
      return path;
    },
    async phasebox(args, env = {}) {
      const argv = [await builtCommand(), ...args];
      const options = { cwd: root, env: environment(env), extendEnv: false, reject: false, stdin: 'ignore' } as const;
      const { exitCode, stdout, stderr } = await execa(process.execPath, argv, options);
      return { code: exitCode ?? -1, stdout, stderr };
    },
    async rows() {
      const text = await readFile(join(root, 'artifacts/results.jsonl'), 'utf8');
      const rows = lines(text).map((line) => row.parse(line));
      return new Map(rows.map((one) => [one.run, one]));
    },
    async manifest(run, stage) {
      return manifest.parse(JSON.parse(await readFile(join(at(run, stage), 'manifest.json'), 'utf8')));
    },
    async journal(run) {
      return lines(await readFile(join(at(run), 'journal.jsonl'), 'utf8')).map((line) => journalLine.parse(line));
    },
  };
}

const lines = (text: string): unknown[] =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

/** A row that must be there. */
export function rowOf(rows: ReadonlyMap<string, Row>, run: string): Row {
  const found = rows.get(run);
  if (found === undefined) throw new Error(`no row of ${run}; there are ${[...rows.keys()].join(', ')}`);
  return found;
}

/** The scores of a row. */
export const scoresOf = ({ overall, strict, categories, strict_categories, modes }: Row) => ({
  ...{ overall, strict, categories, strict_categories, modes },
});

/** What every phase here has: a training too short to be good, long enough that the adapter acts. */
export function demoPhase(phase: string, base: 'A' | 'B', over: Readonly<Record<string, unknown>> = {}) {
  return {
    ...{ phase, model: `demo/models/${base}-base`, data: 'demo/data' },
    train: {
      ...{ iters: 20, batch_size: 2, learning_rate: 1e-4, num_layers: 2, mask_prompt: true, max_seq_length: 128 },
      ...{ save_every: 10, steps_per_report: 5, steps_per_eval: 20, val_batches: 2 },
    },
    eval: demoEval,
    env: { MLX_DISABLE_COMPILE: '1' },
    ...over,
  };
}

export const demoEval = {
  ...{ suite: 'demo/suite/demo-27.yaml', max_tokens: 40, timeout_s: 60, stop: ['<|im_end|>'], base: false },
};

/** Path inside a folder -> its bytes, of every file in it. */
export async function contents(folder: string): Promise<Record<string, string>> {
  const names = (await readdir(folder)).sort();
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'base64')));
  return Object.fromEntries(names.map((name, index) => [name, texts[index] ?? '']));
}

/** What `phasebox score --json` says about kept answers. */
export async function scored(workspace: RealWorkspace, answers: string): Promise<Score> {
  const argv = ['score', '--suite', 'demo/suite/demo-27.yaml', '--answers', answers, '--json'];
  const { code, stdout, stderr } = await workspace.phasebox(argv);
  if (code !== 0) throw new Error(`score ended with ${code}: ${stderr}`);
  return JSON.parse(stdout);
}

/** One `up --once` over both architectures in every mode. */
export interface Night {
  readonly workspace: RealWorkspace;
  readonly up: Ended;
  readonly rows: ReadonlyMap<string, Row>;
  /** What the attempt folders of fuse held while it worked. */
  readonly fusing: ReadonlyMap<string, Seen>;
}

/** The fuse stages that are watched while they work. */
const watchedFuses = ['moe-s0', 'moe-s0-two', 'dense-s0', 'dense-two-s0'];
const [q5, two] = [
  { mode: 'direct', q_bits: 5 },
  { mode: 'two_step', q_bits: 5 },
];

/** One training, each way to a model; the commands that `plan` prints for it are run by hand as well. */
export const moePhase = demoPhase('moe', 'A', {
  fuse: q5,
  variants: { two: { fuse: { mode: 'two_step' } }, q4: { fuse: { q_bits: 4 } }, raw: { fuse: { mode: 'none' } } },
});

let shared: Promise<Night> | null = null;

/** The night, lived once for all test files that look at it. */
export function night(): Promise<Night> {
  shared ??= live();
  return shared;
}

async function live(): Promise<Night> {
  const workspace = await realWorkspace();
  await workspace.drop('1', moePhase);
  await workspace.drop('2', demoPhase('dense', 'B', { fuse: q5, eval: { ...demoEval, base: true } }));
  await workspace.drop('3', demoPhase('dense-two', 'B', { fuse: two, cleanup: { keep_checkpoints: 'selected' } }));
  const watches = watchedFuses.map((run) => ({ run, watch: watchWeights(workspace.attempt(run, 'fuse')) }));
  try {
    const up = await workspace.phasebox(['up', '--once', '--no-dashboard']);
    const rows = await workspace.rows();
    const fusing = await Promise.all(watches.map(async ({ run, watch }) => [run, await watch.stop()] as const));
    return { workspace, up, rows, fusing: new Map(fusing) };
  } finally {
    for (const { watch } of watches) await watch.stop();
  }
}
