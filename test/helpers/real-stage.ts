import { appendFile, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { StageError } from '../../src/core/errors.ts';
import { diagnose } from '../../src/core/mlx/diagnose.ts';
import { toolEnv } from '../../src/core/mlx/python.ts';
import type { Run } from '../../src/events/run.ts';
import type { Made, StageName } from '../../src/events/stages.ts';
import { readText } from '../../src/io/disk/files.ts';
import { copyInto, linkInto, removeInside } from '../../src/io/disk/inside.ts';
import { folderBytes } from '../../src/io/host/disk-usage.ts';
import { absolutePath } from '../../src/io/host/home.ts';
import { memoryLimit } from '../../src/io/host/memory-limit.ts';
import { addsNothing } from '../../src/io/model/idle-adapter.ts';
import { proveInput, proveModel } from '../../src/io/model/model-folder.ts';
import { contentHash } from '../../src/io/thread/content-hash.ts';
import { scoreOrThrow, suiteOf } from '../../src/io/thread/off-thread.ts';
import { followLog, logTail } from '../../src/io/tool/follow-log.ts';
import { clearControl, startTool } from '../../src/io/tool/tool-process.ts';
import type { Progress, Stage, StageContext } from '../../src/workers/stages/stage.ts';
import { plainRendering } from './config-workspace.ts';

const repository = resolve(import.meta.dirname, '../..');

/** A Python with mlx_lm: PHASEBOX_TEST_PYTHON, else the repository's own environment. */
export const testPython = process.env.PHASEBOX_TEST_PYTHON ?? join(repository, '.venv/bin/python');

/** The demo's tiny models and data. */
export const demoFolder = join(repository, 'demo');
export const demoBase = (name: 'A' | 'B'): string => join(demoFolder, 'models', `${name}-base`);
export const demoData = join(demoFolder, 'data');

/** A run on a demo model; `over` replaces what a test is about. */
export function demoRun(name: 'A' | 'B', over: Partial<Run['settings']> & Partial<Run> = {}): Run {
  const { train = null, fuse, cleanup, eval: evaluation, select, ...rest } = { ...over } as Partial<Run['settings']>;
  const folder = demoBase(name);
  const data = demoData;
  return {
    ...{ version: 1, run: `${name}-s0`, phase: name, seed: 0, variant: null, number: 1, file: `${name}.yaml` },
    ...{ accepted: '2026-11-22T00:00:00.000Z', title: null, hypothesis: null, min_rows: {}, from: null },
    model: { source: folder, folder, revision: null, download: false },
    data: { source: data, folder: data },
    chain: ['train', 'fuse', 'quantize', 'cleanup', 'eval'],
    settings: {
      train: train ?? quickTrain,
      select: select ?? { by: 'last' },
      fuse: fuse ?? { mode: 'direct', q_bits: 5, q_group_size: 64 },
      cleanup: cleanup ?? { keep_checkpoints: 'all', keep_model: 'all' },
      eval: evaluation ?? suiteOnly,
    },
    ...{ criteria: null, baseline: null, env: { MLX_DISABLE_COMPILE: '1' }, preflight: [], cooldown_s: 0 },
    ...rest,
  };
}

/** A few steps with everything in them: two checkpoints and a rest. */
export const quickTrain: NonNullable<Run['settings']['train']> = {
  ...{ iters: 10, batch_size: 2, num_layers: 1, learning_rate: 2e-5, mask_prompt: true, max_seq_length: 128 },
  ...{ save_every: 4, steps_per_report: 2, steps_per_eval: 5, val_batches: 4 },
};

const suiteOnly: Run['settings']['eval'] = {
  ...{ suite: '/none.yaml', temperature: 0, max_tokens: 60, timeout_s: 60, retries: 0, repeats: 1, concurrency: 1 },
  ...{ score_by: 'lenient', stop: ['<|im_end|>'], chat_template_args: {}, base: false, cost: false },
};

/** What a stage did to its context. */
export interface Seen {
  readonly inputs: Record<string, string>;
  readonly warnings: string[];
  readonly lines: string[];
  readonly progress: Progress[];
  readonly resumed: number[];
  readonly removed: [StageName, readonly string[]][];
  readonly argv: (readonly string[])[];
}

/** A context that runs the real tools under the real wrapper in `dir`; the runner's own part (manifest, journal) is noted in `seen`. */
export function realContext(run: Run, dir: string, folders: Partial<Record<StageName, string>> = {}) {
  const seen: Seen = { inputs: {}, warnings: [], lines: [], progress: [], resumed: [], removed: [], argv: [] };
  const unused = (): never => {
    throw new Error('not used by the model stages');
  };
  const context: StageContext = {
    ...{ run, dir, workspace: dir, attempt: 1, python: testPython, versions: {}, signal: new AbortController().signal },
    get baseModel() {
      if (run.model?.folder) return run.model.folder;
      throw new StageError('MISSING_INPUT', 'no base model');
    },
    absolute: absolutePath,
    driver: (name) => join(repository, 'python', `${name}.py`),
    memoryLimit: memoryLimit(run.memory_gb),
    async tool({ name, argv, env, onLine, events, codes = [], cwd, fresh, again }) {
      seen.argv.push(argv);
      const owner = name === undefined ? dir : join(dir, name);
      if (fresh === true) await rm(owner, { recursive: true, force: true });
      if (again === true) await clearControl(owner);
      const tool = await startTool({ dir: owner, argv, env: { ...toolEnv(run.env), ...env }, cwd: cwd ?? dir });
      try {
        const read = onLine === undefined ? [] : [followLog(tool.log, tool.ended, onLine)];
        if (events !== undefined) read.push(followLog(join(owner, events.file), tool.ended, events.onLine));
        await Promise.all(read);
      } catch (error) {
        await tool.stop();
        await tool.ended;
        throw error;
      }
      const { code } = await tool.ended;
      if (code === 0 || (code !== null && codes.includes(code))) return code;
      throw diagnose(code ?? 137, await logTail(tool.log, 20));
    },
    suite: (text, file) => suiteOf(Buffer.from(text), file),
    score: scoreOrThrow,
    render: async (jobs) => jobs.map(() => ({ ok: true, rendering: plainRendering })),
    ...{ serve: unused, shared: unused, prove: proveModel, proveInput, addsNothing, hash: contentHash, read: readText },
    input: (name, sha256) => void Object.assign(seen.inputs, { [name]: sha256 }),
    warn: (text) => void seen.warnings.push(text),
    progress: (progress) => void seen.progress.push(progress),
    log: (line) => void seen.lines.push(line),
    held: async () => undefined,
    resumed: async (iteration) => void seen.resumed.push(iteration),
    write: (name, text) => writeFile(resolve(dir, name), text),
    append: (name, text) => appendFile(resolve(dir, name), text),
    list: (folder) => readdir(folder),
    link: (target, name) => linkInto(dir, name, target),
    copy: (from, name) => copyInto(dir, name, from),
    remove: (name) => removeInside(dir, name),
    async removeOutputs(stage, paths) {
      seen.removed.push([stage, paths]);
      const folder = folders[stage] ?? unused();
      const before = await folderBytes(folder);
      for (const path of paths) await rm(join(folder, path), { recursive: true, force: true });
      return before - (await folderBytes(folder));
    },
  };
  return { context, seen };
}

/** Runs and verifies a stage in a folder of its own, as the runner does before it commits. */
export async function runStage<S extends StageName, N extends StageName>(
  stage: Stage<S, N>,
  made: Parameters<Stage<S, N>['run']>[0],
  {
    run,
    dir,
    folders,
  }: { readonly run: Run; readonly dir: string; readonly folders?: Partial<Record<StageName, string>> },
): Promise<{ made: Made<S>; seen: Seen; folder: string }> {
  await mkdir(dir, { recursive: true });
  const { context, seen } = realContext(run, dir, folders);
  const result = await stage.run(made, context);
  await stage.verify?.(result, context);
  return { made: result, seen, folder: dir };
}

/** The bytes of a model's tensors as one hash per file. */
export async function tensorHashes(folder: string): Promise<Record<string, string>> {
  const files = (await readdir(folder)).filter((name) => name.endsWith('.safetensors')).sort();
  return Object.fromEntries(
    await Promise.all(files.map(async (file) => [file, await contentHash(join(folder, file))])),
  );
}

/** What `call` throws, as code and message; fails when it does not throw a StageError. */
export async function stageErrorOf(call: Promise<unknown>): Promise<{ code: string; message: string }> {
  const error = await call.then(
    () => new Error('it did not throw'),
    (thrown: unknown) => thrown,
  );
  if (error instanceof StageError) return { code: error.code, message: error.message };
  throw error;
}
