import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { expect } from 'chai';
import { type StageName, stageFolder } from '../../src/events/stages.ts';
import { changedOutput } from '../../src/io/artifacts/commit.ts';
import { committedStages, readJournal, readManifest, readRun, runFolders } from '../../src/io/artifacts/run-folder.ts';
import { readText } from '../../src/io/disk/files.ts';
import { groupMembers } from '../../src/io/host/process-facts.ts';
import { fileHash } from '../../src/io/thread/content-hash.ts';
import { isAlive } from '../../src/io/tool/tool-process.ts';
import { type Chain, makeChain } from './chain.ts';
import { parseLines } from './lines.ts';
import { type Edit, productCommand } from './product.ts';
import { waitFor } from './temp.ts';

/** What test/fixtures/crash/preload.mjs does, and where. */
export interface Plan {
  /** A regular expression on the owner, as the preload tells it. */
  readonly at: string;
  readonly nth?: number;
  readonly when: 'before' | 'torn' | 'after';
  readonly act: 'up' | 'broker' | 'wrapper' | 'tool' | 'flush' | 'empty' | 'prefix' | 'wait' | 'fill';
}

/** A line that the preload wrote before it acted. */
export interface Hit {
  readonly at: number;
  readonly act: Plan['act'] | 'spawned' | 'waits';
  readonly owner: string;
  readonly pid: number;
}

/** Transient failures are retried at once and for ever: a seed that kills one tool four times is no failure of the run. */
const patient = { stage_retries: 100, retry_pause_s: [0] };

/**
 * No pages are written: they take a third of the CPU of a short night. For tests of which neither a boundary nor an
 * expectation is in the pages. The other crash tests write them beside their kills.
 */
export const withoutPages: Edit = {
  file: 'src/workers/runtime/page-writer.ts',
  find: 'write = writePagesApart }',
  replace: "write = async () => ({ kind: 'written', warnings: [] }) }",
};

/** A workspace whose `up` runs the product as the sources are now; `over`: more of phasebox.yaml. */
export const crashChain = async (program?: string, env: NodeJS.ProcessEnv = {}, over: object = {}): Promise<Chain> =>
  makeChain({ ...patient, ...over }, env, program ?? (await productCommand()));

/** Beside the workspace, which may be on a disk that is full. */
const hitsFile = ({ root }: Chain): string => join(process.env.CRASH_HITS ?? root, `hits-${basename(root)}.jsonl`);

/** The environment of an `up` in which the plan is carried out. */
export function hooked(chain: Chain, plan: Plan): NodeJS.ProcessEnv {
  const whole = { ...plan, root: chain.root, hits: hitsFile(chain) };
  return { NODE_OPTIONS: `--import ${join(dirname(chain.program), 'preload.js')}`, CRASH_PLAN: JSON.stringify(whole) };
}

/** The environment of an `up` that stops before this owner, until the file `go` is in the workspace. */
export const hookedWait = (chain: Chain, at: string): NodeJS.ProcessEnv =>
  hooked(chain, { at, when: 'before', act: 'wait' });

/** What the preload told so far. */
export async function hits(chain: Chain): Promise<Hit[]> {
  return parseLines<Hit>(await readText(hitsFile(chain)));
}

/** The one line that says: the plan was carried out at its place. */
export const hitOf = async (chain: Chain, { act }: Plan): Promise<Hit | undefined> =>
  (await hits(chain)).find((hit) => hit.act === act);

const stageOfTool: Readonly<Record<string, StageName>> = {
  check_data: 'train',
  lora: 'train',
  fuse_direct: 'fuse',
  serve: 'eval',
  model_cost: 'eval',
};

/**
 * Nothing lost, nothing twice: exactly one row a run, in order and done; no tool of a stage started after the stage was
 * committed; never two tools at once; no process and no reader left; every output as its manifest says.
 * `once`: tools that must have started exactly once a run.
 */
export async function expectNothingLost(chain: Chain, runs: readonly string[], once: readonly string[]): Promise<void> {
  const rows = await chain.rows();
  const ends = rows.map(({ run, status, error }) =>
    [run, status, ...(error ? [error.stage, error.message] : [])].join(' '),
  );
  expect(ends.filter((end) => !/ done$/.test(end))).to.eql([]);
  expect(ends).to.eql(runs.map((run) => `${run} done`));
  const calls = (await chain.calls()).filter(({ tool }) => tool !== 'facts');
  expect(
    calls.flatMap(({ tool, run, beside = [] }) => beside.map((other) => `${tool} of ${run} beside ${other}`)),
  ).to.eql([]);
  for (const tool of once) {
    const started = calls.filter((call) => call.tool === tool).map(({ run }) => run);
    expect(started, `starts of ${tool}`).to.eql(runs);
  }
  await expectOrder(chain, runs);
  for (const folder of await runFolders(join(chain.root, 'artifacts'))) await expectWhole(folder, calls);
  await expectNobodyLeft(chain);
}

async function expectOrder(chain: Chain, runs: readonly string[]): Promise<void> {
  const journals = await Promise.all(runs.map((run) => chain.journal(run)));
  for (const [index, journal] of journals.entries()) {
    expect(journal.filter(({ event }) => event === 'started').length, `${runs[index]} started`).to.equal(1);
    const next = journals[index + 1]?.find(({ event }) => event === 'started')?.at;
    const own = journal.find(({ event }) => event === 'row')?.at;
    // The line may have died with the kill that came after the row itself.
    if (next !== undefined && own !== undefined) expect(Date.parse(own)).to.be.at.most(Date.parse(next));
  }
}

async function expectWhole(folder: string, calls: readonly { tool: string; run: string | null; at: number }[]) {
  const run = await readRun(folder);
  if (run === null) throw new Error(`${folder} has no plan`);
  expect([...(await committedStages(folder))].sort(), folder).to.eql([...run.chain].sort());
  await readJournal(folder); // throws on a damaged line
  for (const stage of run.chain) {
    const manifest = await readManifest(folder, stage);
    if (manifest === null) throw new Error(`${folder} ${stage} has no manifest`);
    const home = join(folder, stageFolder(stage));
    expect(await changedOutput(home, manifest)).to.equal(null);
    const removed = new Set(manifest.removed?.paths ?? []);
    for (const output of manifest.outputs.filter(({ path }) => !removed.has(path)))
      expect(await fileHash(join(home, output.path)), output.path).to.equal(output.sha256);
    const late = calls.filter(
      (call) => call.run === run.run && stageOfTool[call.tool] === stage && call.at > Date.parse(manifest.ended) + 1,
    );
    expect(
      late.map(({ tool }) => `${tool} of ${run.run} started again`),
      folder,
    ).to.eql([]);
  }
}

async function expectNobodyLeft(chain: Chain): Promise<void> {
  const names = await readdir(join(chain.root, 'artifacts'), { recursive: true });
  for (const name of names.filter((path) => path.endsWith('/alive')))
    expect(await isAlive(join(chain.root, 'artifacts', name, '..')), name).to.equal(false);
  for (const { pid } of (await hits(chain)).filter(({ act }) => act === 'spawned'))
    await waitFor(`the end of group ${pid}`, async () => (await groupMembers(pid)).length === 0);
}

/** Runs `work` for each item, `width` at once; a promise each, so that every test awaits its own. */
export function inPool<T, R>(items: readonly T[], width: number, work: (item: T) => Promise<R>): Promise<R>[] {
  const free: (() => void)[] = [];
  let busy = 0;
  const turn = async (): Promise<void> => {
    if (busy < width) busy += 1;
    else await new Promise<void>((resolve) => free.push(resolve));
  };
  return items.map(async (item) => {
    await turn();
    try {
      return await work(item);
    } finally {
      const next = free.shift();
      if (next === undefined) busy -= 1;
      else next();
    }
  });
}

/** A generator of numbers 0..1 that gives the same ones for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
