import { execFile } from 'node:child_process';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { expect } from 'chai';
import type { Status } from '../../src/commands/status.ts';
import type { Row } from '../../src/events/row.ts';
import { type Chain, copyChain, type Ended, environmentOf } from '../helpers/chain.ts';
import { inPool } from '../helpers/crash.ts';
import { parseLines } from '../helpers/lines.ts';
import { endProcesses } from '../helpers/processes.ts';
import { bundle, repository } from '../helpers/product.ts';
import { stackIn } from '../helpers/stacks.ts';
import { tempDir } from '../helpers/temp.ts';
import { treeOf } from '../helpers/tree.ts';
import { damages, type Pair } from './damage.ts';
import { prepareNight } from './prepared-night.ts';

/** A command that takes longer hangs: the slowest one needs seconds. */
const limit_ms = 120_000;

/** What the commands on one copy of the night said, and how the night ended. */
interface Night {
  readonly text: string;
  readonly runs: Status['runs'];
  readonly rows: readonly Row[];
}

interface Prepared {
  readonly chain: Chain;
  readonly tree: readonly string[];
  /** How the night ends when nothing is damaged. */
  readonly control: Night;
  readonly canary: string;
}

let program: Promise<string> | undefined;

/** Runs commands one after the other in one process; every command starts Node otherwise. */
async function runCommands(root: string, commands: readonly (readonly string[])[]): Promise<readonly Ended[]> {
  program ??= bundle(join(repository, 'test/hands/run-commands.ts'));
  const argv = commands.map((command) => ['--workspace', root, ...command]);
  const options = { cwd: root, env: await environmentOf(root), timeout: limit_ms, killSignal: 'SIGKILL' as const };
  const work = promisify(execFile)(process.execPath, [await program, JSON.stringify(argv)], options);
  const { stdout, stderr } = await work.catch((error: { stdout: string; stderr: string }) => error);
  const ended = parseLines<Ended>(stdout);
  if (ended.length === commands.length) return ended;
  throw new Error(`${commands[ended.length]?.join(' ')} did not end:\n${stderr}${stdout.slice(-2000)}`);
}

/** `up --once`; what holds it longer than it may is an error. */
async function upOnce(chain: Chain): Promise<Ended> {
  const up = await chain.start('up', '--once', '--no-dashboard');
  const clock = new AbortController();
  const late = delay(limit_ms, null, { signal: clock.signal }).catch(() => null);
  const ended = await Promise.race([up.ended, late]);
  clock.abort();
  if (ended !== null) return ended;
  await up.stop('SIGKILL');
  throw new Error(`up --once did not end:\n${up.out()}`);
}

/** Every command on a workspace in which `run` is done. */
async function playNight(chain: Chain, run: string): Promise<Night> {
  const looks = [['status'], ['verify'], ['retry', run, '--stage', 'eval'], ['report']];
  const before = await runCommands(chain.root, [...looks, ['gc', '--models', '--checkpoints', '--yes']]);
  const up = await upOnce(chain);
  const after = await runCommands(chain.root, [['status'], ['verify'], ['status', '--json']]);
  const json = after.at(-1)?.out ?? '';
  const text = [...before, up, ...after].map(({ out, err }) => `${out}${err}`).join('\n');
  expect(json, text).to.match(/^\{/);
  return { text, runs: (JSON.parse(json) as Status).runs, rows: await chain.rows().catch(() => []) };
}

async function prepare(): Promise<Prepared> {
  const chain = await prepareNight();
  const canary = await tempDir('canary');
  await mkdir(join(canary, 'artifacts'));
  for (const name of ['mine', 'artifacts/results.jsonl']) await writeFile(join(canary, name), 'mine');
  const tree = await treeOf(chain.root);
  const copy = await copyChain(chain);
  const control = await playNight(copy, 'one-s0');
  await copy.remove();
  return { chain, tree, canary, control };
}

/** The runs that a damage of this file may keep from their end. */
function affectedBy(file: string): readonly string[] {
  const run = /^artifacts\/\w+\/(\w+-s\d)\//.exec(file)?.[1];
  if (run === undefined) return [];
  return run === 'two-s0' ? [run, 'after-s0'] : [run];
}

const ends = ['done', 'failed', 'damaged'];
/** What must be the same whatever happened to other runs. */
const shown = (rows: readonly Row[], without: readonly string[]) =>
  rows
    .filter(({ run }) => !without.includes(run))
    .map(({ run, status, overall, strict, verdict, outcome }) => ({ run, status, overall, strict, verdict, outcome }))
    .sort((a, b) => (a.run < b.run ? -1 : 1));

async function findFile(root: string, pattern: string): Promise<string> {
  const expression = new RegExp(`^${pattern.replaceAll('.', '\\.')}$`);
  const found = (await readdir(root, { recursive: true })).find((path) => expression.test(path));
  if (found === undefined) throw new Error(`the prepared night has no ${pattern}`);
  return found;
}

/** Damages of one night: each hits other runs, so that every one of them can be blamed for what it did. */
type Batch = readonly Pair[];

/** As few nights as possible for these pairs, in their order. */
function batchesOf(list: readonly Pair[]): readonly Batch[] {
  const batches: Pair[][] = [];
  for (const pair of list) {
    const areas = areasOf(pair);
    const isFree = (batch: Batch) =>
      batch.length < mostTogether && !batch.flatMap(areasOf).some((one) => areas.includes(one));
    const open = batches.find(isFree);
    if (open === undefined) batches.push([pair]);
    else open.push(pair);
  }
  return batches;
}

const mostTogether = 4;
const areasOf = ({ file }: Pair): readonly string[] => {
  const runs = affectedBy(file);
  return runs.length > 0 ? runs : [file];
};

interface Damaged extends Pair {
  readonly path: string;
}

/** How a night with these damages ended; throws when it is not as it must be, whatever was damaged. */
async function damageNight({ chain: original, control, canary }: Prepared, batch: Batch) {
  const chain = await copyChain(original);
  const before = await treeOf(canary);
  try {
    const damaged: Damaged[] = [];
    for (const pair of batch) damaged.push({ ...pair, path: join(chain.root, await findFile(chain.root, pair.file)) });
    for (const { path, damage } of damaged) await damages[damage](path);
    const night = await playNight(
      chain,
      batch.some(({ file }) => file.startsWith('artifacts/one/')) ? 'one-s0' : 'two-s0',
    );
    expectSane(
      night,
      control,
      batch.flatMap(({ file }) => affectedBy(file)),
    );
    return { night, damaged };
  } finally {
    expect(await treeOf(canary)).to.eql(before);
    await endProcesses(chain.root);
    await chain.remove();
  }
}

/** No stack, nothing that moves the cursor, and every run that was left alone ends as in the control. */
function expectSane({ text, runs, rows }: Night, control: Night, affected: readonly string[]): void {
  const stack = stackIn(text);
  if (stack !== null) throw new Error(`a stack was printed:\n${stack}`);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what must not reach a terminal
  expect(text).to.not.match(/[\u0007\u001b]/);
  const others = changedRuns(runs, control).filter((run) => !affected.includes(run));
  expect(others, `other runs that ended otherwise\n${text}`).to.eql([]);
  for (const { run, state, why } of runs) {
    expect(ends, `${run}\n${text}`).to.include(state);
    if (state !== 'done') expect(why, `${run}\n${text}`).to.match(/\w/);
  }
  expect(rows.filter(({ error }) => error?.code === 'INTERNAL').map(({ run, error }) => [run, error])).to.eql([]);
  expect(shown(rows, affected), text).to.eql(shown(control.rows, affected));
}

const changedRuns = (runs: Status['runs'], control: Night): string[] =>
  control.runs.filter(({ run, state }) => runs.find((one) => one.run === run)?.state !== state).map(({ run }) => run);

/** Where a damage changed how its run ended, its path is named. */
function expectNamed({ text, runs }: Night, control: Night, { file, path }: Damaged): void {
  const changed = changedRuns(runs, control).filter((run) => affectedBy(file).includes(run));
  if (changed.length > 0) expect(text, `${changed} ended otherwise`).to.include(path);
}

/** A test for each pair, on copies of one night; `width` nights at a time, as much of the time is waiting. */
export function describeDamages(title: string, list: readonly Pair[], width = 2 * availableParallelism()): void {
  describe(title, function () {
    this.timeout(60 * 60_000);
    const batches = batchesOf(list);
    let prepared: Prepared;
    let played: readonly ReturnType<typeof damageNight>[] = [];
    before(async () => {
      prepared = await prepare();
      played = inPool(batches, Math.min(8, width), (batch) => damageNight(prepared, batch));
      for (const one of played) one.catch(() => undefined); // its own tests report it
    });
    after(async () => {
      expect(await treeOf(prepared.chain.root)).to.eql(prepared.tree);
      await prepared.chain.remove();
    });

    for (const [index, batch] of batches.entries())
      for (const [nth, { file, damage }] of batch.entries())
        it(`${file}, ${damage}`, async () => {
          const { night, damaged } = (await played[index]) ?? {};
          const one = damaged?.[nth];
          if (night !== undefined && one !== undefined) expectNamed(night, prepared.control, one);
        });
  });
}
