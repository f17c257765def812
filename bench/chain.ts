import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { openRuntime } from '../src/commands/parts/open-runtime.ts';
import type { JournalLine } from '../src/events/run.ts';
import { modes, type Score } from '../src/events/score.ts';
import { type Made, type StageName, stageNames } from '../src/events/stages.ts';
import { acceptanceNumbers } from '../src/io/artifacts/phase-store.ts';
import { openBroker } from '../src/io/broker/broker.ts';
import { packageRoot } from '../src/io/host/package-root.ts';
import { openLookups } from '../src/io/workspace/lookups.ts';
import { openWorkspace, type Workspace } from '../src/io/workspace/workspace.ts';
import { acceptConfig, type PlanReader, planReader } from '../src/producers/accept.ts';
import { watchInbox } from '../src/producers/inbox.ts';
import { prepareFiles } from '../src/producers/submission.ts';
import { startWorkers } from '../src/workers/index.ts';
import type { Stage } from '../src/workers/stages/stage.ts';

/* What phasebox itself costs: a warm daemon, six stages that run `true`, configs submitted. */

const made: { readonly [S in StageName]: Made<S> } = {
  train: {
    adapter: 'a',
    checkpoints: [],
    iterations: 1,
    train_loss: null,
    val_loss: null,
    profile: null,
    warm_restart: false,
  },
  select: {
    adapter: 'a',
    iteration: 1,
    by: 'suite',
    suite_sha256: null,
    prompts: null,
    same_suite: false,
    candidates: [],
    optimism: null,
  },
  fuse: { model: 'm' },
  quantize: { model: 'm' },
  cleanup: { removed: [], freed_bytes: 0 },
  eval: {
    answers: 'answers.jsonl',
    score: {
      overall: 0,
      strict: 0,
      categories: {},
      strict_categories: {},
      modes: Object.fromEntries(modes.map((mode) => [mode, 0])) as Score['modes'],
      prompts: [],
    },
    eval_identity: '0',
    suite_sha256: '0',
    base: null,
  },
};

const noOps = stageNames.map((name) => ({
  name,
  needs: [],
  async run(_inputs, context) {
    await context.tool({ argv: ['true'] });
    return made[name];
  },
})) as Stage[];

/** The plan of a real config, but through all six stages. */
const sixStages =
  (read: PlanReader): PlanReader =>
  async (bytes, file, earlier) => {
    const result = await read(bytes, file, earlier);
    if (!result.ok) throw new Error(result.reasons);
    return {
      ok: true,
      plan: { ...result.plan, runs: result.plan.runs.map((run) => ({ ...run, chain: [...stageNames] })) },
    };
  };

async function journal(workspace: Workspace, phase: string): Promise<JournalLine[]> {
  const text = await readFile(join(workspace.artifacts, phase, `${phase}-s0`, 'journal.jsonl'), 'utf8');
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

const percentile = (values: readonly number[], share: number): number => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
};
const show = (name: string, values: readonly number[]): void => {
  const figures = [0, 0.5, 0.95, 1].map((share) => percentile(values, share).toFixed(1)).join(' / ');
  console.log(`${name.padEnd(36)} min/p50/p95/max ${figures} ms   (n=${values.length})`);
};

async function main(): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'phasebox-bench-'));
  const source = packageRoot().folder;
  await cp(join(source, 'demo'), join(root, 'demo'), { recursive: true });
  await writeFile(
    join(root, 'phasebox.yaml'),
    `python: ${join(source, '.venv', 'bin', 'python')}\ndisk_reserve_gb: 0\n`,
  );
  const workspace = await openWorkspace(root, 'create');
  const down = new AbortController();
  const log = pino({ level: 'warn' });
  const broker = await openBroker(workspace, console.log);
  const rowOf = new Map<string, () => void>();
  const runtime = await openRuntime({
    until: null,
    workspace,
    log,
    broker,
    signal: down.signal,
    notice: (notice) => {
      if (notice.kind === 'row') rowOf.get(notice.stored.run.phase)?.();
      if (notice.kind === 'failed') {
        console.error(notice.message);
        process.exit(1);
      }
    },
  });
  const workers = await startWorkers(runtime, noOps);
  const read = sixStages(planReader(openLookups({ ...workspace, python: runtime.python })));
  const context = { artifacts: workspace.artifacts, numbers: acceptanceNumbers(workspace.artifacts), read };
  const inbox = watchInbox({
    workspace,
    log: { info: () => undefined, warn: console.warn },
    accept: (file) => acceptConfig(file, { ...context, onAccepted: ({ newRuns }) => void workers.accepted(newRuns) }),
    prepare: (submission) => prepareFiles(submission, { workspace, read }),
  });
  const text = await readFile(join(source, 'demo', 'A.yaml'), 'utf8');
  const submit = (phases: readonly string[]): Promise<unknown> => {
    const bytes = (phase: string): Buffer => Buffer.from(text.replace(/^phase:.*$/m, `phase: ${phase}`));
    const files = phases.map((phase) => ({ name: `${phase}.yaml`, bytes: bytes(phase), problem: null }));
    return inbox.submit({ kind: 'submit', again: false, files });
  };
  const hasRow = (phase: string): Promise<void> => new Promise((resolve) => rowOf.set(phase, resolve));
  const drop = async (phase: string): Promise<number> => {
    const row = hasRow(phase);
    const at = Date.now();
    await submit([phase]);
    await row;
    return at;
  };
  await drop('warm-up');
  await oneByOne(workspace, drop);
  await atOnce(submit, hasRow);
  down.abort();
  await inbox.close();
  await workers.close();
  await runtime.bus.close();
  await runtime.pages.close();
  await runtime.runStore.close();
  await broker.close();
  await rm(root, { recursive: true });
}

/** One run at a time in a quiet daemon: what a single experiment feels. */
async function oneByOne(workspace: Workspace, drop: (phase: string) => Promise<number>): Promise<void> {
  const [first, gaps]: [number[], number[]] = [[], []];
  for (let n = 0; n < 30; n++) {
    const at = await drop(`one-${n}`);
    const lines = await journal(workspace, `one-${n}`);
    const tools = lines.filter((line) => line.event === 'tool_started').map((line) => Date.parse(line.at));
    const commits = lines.filter((line) => line.event === 'committed').map((line) => Date.parse(line.at));
    first.push((tools[0] ?? Number.NaN) - at);
    gaps.push(...tools.slice(1).map((time, index) => time - (commits[index] ?? Number.NaN)));
  }
  show('submit -> first tool', first);
  show('committed -> next tool', gaps);
}

/** A hundred configs submitted together, run one after the other. */
async function atOnce(
  submit: (phases: readonly string[]) => Promise<unknown>,
  hasRow: (phase: string) => Promise<void>,
): Promise<void> {
  const phases = Array.from({ length: 100 }, (_, n) => `many-${String(n).padStart(3, '0')}`);
  const rows = phases.map(hasRow);
  const started = performance.now();
  await submit(phases);
  await Promise.all(rows);
  console.log(`100 runs of 6 stages, one at a time      ${((performance.now() - started) / 1000).toFixed(1)} s`);
}

await main();
