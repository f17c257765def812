import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { stringify } from 'yaml';
import { toolEnv } from '../../src/core/mlx/python.ts';
import { readAnswers } from '../../src/core/score/answers.ts';
import type { Run } from '../../src/events/run.ts';
import { evalSettings } from '../../src/events/stages/eval.ts';
import type { Settings } from '../../src/events/stages.ts';
import type { Answer, Suite } from '../../src/events/suite.ts';
import { readText } from '../../src/io/disk/files.ts';
import { startModelServer } from '../../src/io/server/model-server.ts';
import type { StageContext } from '../../src/workers/stages/stage.ts';
import { demoRun, realContext, type Seen } from './real-stage.ts';
import { tempDir } from './temp.ts';

const repository = resolve(import.meta.dirname, '../..');
const fakeServer = join(repository, 'test/fixtures/bin/chat-server.py');

/** An eval stage about to run: real servers, real files; the runner's part is in `seen`. */
export interface PreparedExam {
  readonly context: StageContext;
  readonly seen: Seen;
  /** Names of the servers that were started, in order. */
  readonly served: string[];
  readonly runStore: string;
  answers(): Promise<readonly Answer[]>;
}

export interface ExamOptions {
  readonly suite: Suite;
  readonly settings?: Partial<Settings<'eval'>>;
  readonly run?: Partial<Run>;
  readonly fuse?: Run['settings']['fuse'];
  /** mlx_lm's own server through python/serve.py instead of the stand-in. */
  readonly real?: boolean;
  readonly signal?: AbortSignal;
  /** Where committed base scores lie; a fresh folder if none is given. */
  readonly runStore?: string;
  readonly dir?: string;
  /** What the chat template makes of the prompts; by default it takes them all. */
  readonly render?: StageContext['render'];
}

/** A context for `evaluate` on demo model A. */
export async function prepareExam(options: ExamOptions): Promise<PreparedExam> {
  const dir = options.dir ?? join(await tempDir('eval'), 'attempt');
  const runStore = options.runStore ?? (await tempDir('runStore'));
  await mkdir(dir, { recursive: true });
  const suiteFile = join(await tempDir('suite'), 'suite.yaml');
  await writeFile(suiteFile, stringify(options.suite));
  const settings = evalSettings.parse({
    suite: suiteFile,
    base: false,
    max_tokens: 60,
    timeout_s: 20,
    ...options.settings,
  });
  const run = await demoRun('A', {
    ...{ eval: settings, fuse: options.fuse ?? { mode: 'direct', q_bits: 5, q_group_size: 64 } },
    ...options.run,
  });
  const { context: plain, seen } = realContext(run, dir);
  const served: string[] = [];
  const signal = options.signal ?? plain.signal;
  const own: Partial<StageContext> = {
    signal,
    versions: { mlx: '0.32.4', mlx_lm: '0.32.2' },
    serve({ name, model, adapter }) {
      served.push(name);
      const driver = options.real === true ? plain.driver('serve') : fakeServer;
      const start = { python: plain.python, driver, model, dir: join(dir, name), signal };
      return startModelServer({ ...start, env: toolEnv(run.env), ...(adapter === undefined ? {} : { adapter }) });
    },
    ...(options.render !== undefined && { render: options.render }),
    async shared(key, { make, holds, older = [] }) {
      const there = async (folder: string): Promise<boolean> => (await readText(join(folder, 'score.json'))) !== null;
      for (const folder of older.map((one) => join(runStore, one)))
        if ((await there(folder)) && (await holds(folder))) return folder;
      const target = join(runStore, key);
      const fresh = join(runStore, `.${key}`);
      if (await there(target)) {
        if (await holds(target)) return target;
        await rename(target, fresh);
      }
      await mkdir(fresh, { recursive: true });
      await make(fresh);
      await rename(fresh, target);
      return target;
    },
  };
  // Not spread: that would call the getter of the base model, which throws for a run without one.
  const properties = { ...Object.getOwnPropertyDescriptors(plain), ...Object.getOwnPropertyDescriptors(own) };
  const context = Object.defineProperties({}, properties) as StageContext;
  const answers = async () => readAnswers((await readText(join(dir, 'answers.jsonl'))) ?? '').answers;
  return { context, seen, served, runStore, answers };
}
