import { expect } from 'chai';
import {
  type Draw,
  type Drawn,
  drawing,
  drawPoint,
  drawTraining,
  modelNames,
  trainingInputs,
} from '../helpers/drawn-trainings.ts';
import { interruptions, type Kind } from '../helpers/interruptions.ts';
import { mlxPythons } from '../helpers/mlx-versions.ts';
import { hasOwnMounts, inOwnMounts, whyNoMounts } from '../helpers/own-mounts.ts';
import { tempDir } from '../helpers/temp.ts';
import { Training, Trainings } from '../helpers/trainings.ts';
import { UpTraining } from '../helpers/up-training.ts';
import type { Point } from '../helpers/watched.ts';

/*
 * Trainings inside `phasebox up` that are interrupted at random, with each version of mlx_lm: adapter and checkpoints
 * must have the bytes of a plain `mlx_lm lora` that was not interrupted, and no iteration before the last state is
 * computed again. PHASEBOX_KILLS: how many interruptions (40); PHASEBOX_SEED draws them. PHASEBOX_MLX_CACHE: a folder
 * where the older versions are installed, and stay. PHASEBOX_REAL_MODEL: the folder of a pretrained model, which is
 * quantized to 4 bits.
 */

const { PHASEBOX_KILLS = '40', PHASEBOX_REAL_MODEL: pretrained } = process.env;
const wanted = Number(PHASEBOX_KILLS);
const seed = Number(process.env.PHASEBOX_SEED ?? Date.now() % 1_000_000);
const print = (line: string): void => void process.stdout.write(`      ${line}\n`);

/** An interruption of a training, and where its next process continued. */
interface Done {
  readonly kind: Kind;
  readonly point: Point;
  readonly later_ms: number;
  readonly resumedAfter: number;
}

/** The kinds of interruptions in the order in which they are made: all of them in each round. */
function openKinds(draw: Draw): { next(): Kind; made(): void } {
  const offered = (Object.keys(interruptions) as Kind[]).filter((kind) => kind !== 'full disk' || hasOwnMounts);
  let waiting: Kind[] = [];
  return {
    next(): Kind {
      if (waiting.length === 0) waiting = draw.shuffled(offered);
      return waiting[0] ?? 'SIGKILL of the tool';
    },
    made: () => void waiting.shift(),
  };
}

interface Plan {
  readonly draw: Draw;
  readonly drawn: Drawn;
  readonly kinds: ReturnType<typeof openKinds>;
  readonly count: number;
}

/** Where to interrupt, and how long after the step was reached. */
function drawMoment({ draw, drawn }: Plan, kind: Kind, from: number): { point: Point; later_ms: number } {
  const { settings, model } = drawn;
  const { iters, save_every } = settings;
  // A full disk is only met by a training that still writes a checkpoint.
  const last = kind === 'full disk' ? Math.floor(iters / save_every) * save_every + 3 : iters;
  const point = drawPoint(draw, from, { ...settings, iters: last });
  const isNearEnd = (point.iteration ?? 0) > iters - 8;
  return { point, later_ms: draw.whole(0, model === 'pretrained' ? 3000 : isNearEnd ? 5 : 60) };
}

/** Interrupts a training and then lets it end. An interruption that comes too late is not counted. */
async function interrupt(training: UpTraining, plan: Plan): Promise<Done[]> {
  const done: Done[] = [];
  let process = await training.next();
  while (process !== null) {
    const kind = plan.kinds.next();
    const moment = done.length < plan.count ? drawMoment(plan, kind, process.from) : null;
    await training.watched.plan(process, moment?.point ?? null);
    const isHeld = moment !== null && (await training.isHeld(process));
    if (isHeld) await interruptions[kind](training, process, moment);
    process = await training.next();
    if (!isHeld || process === null) continue;
    done.push({ kind, ...moment, resumedAfter: process.from });
    plan.kinds.made();
  }
  return done;
}

/** What is wrong with a training that has ended. `whole` has the hashes of the uninterrupted one. */
async function problemsOf(training: UpTraining, whole: Readonly<Record<string, string>>): Promise<string[]> {
  const { facts, story } = await training.result();
  if (facts === null) return [story];
  const processes = await training.watched.processes();
  const firsts = await Promise.all(
    processes.map(async (one) => ({ from: one.from, first: (await training.watched.begun(one))[0] })),
  );
  const { resumed, fallback } = facts;
  const isSame = JSON.stringify(await training.adapter()) === JSON.stringify(whole);
  const problems = [
    ...(isSame ? [] : ['OTHER BYTES']),
    ...(fallback === null ? [] : [`the driver did not run: ${fallback}`]),
    ...(await training.watched.repeated()),
    ...firsts.flatMap(({ from, first = from + 1 }) =>
      first === from + 1 ? [] : [`it began with iteration ${first} after the state of ${from}`],
    ),
    ...firsts.flatMap(({ from, first }) =>
      first === undefined || from === 0 || resumed.includes(from)
        ? []
        : [`its manifest lacks the resume after ${from}`],
    ),
    ...resumed.flatMap((after) =>
      firsts.some(({ from }) => from === after) ? [] : [`its manifest has a resume after ${after}`],
    ),
  ];
  return problems.length === 0 ? [] : [...problems, story];
}

const widths = [7, 10, 4, 9, 62, 26, 20, 13];
const printCells = (cells: readonly string[]): void =>
  print(
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );

function counted(values: readonly string[]): string {
  const names = [...new Set(values)];
  return names.map((name) => `${name} ${values.filter((value) => value === name).length}`).join(', ');
}

function pointText({ kind, point, later_ms }: Done): string {
  const step = point.iteration === undefined ? point.phase : `iteration ${point.iteration}`;
  return kind.startsWith('SIGKILL') ? `${step} + ${later_ms} ms` : step;
}

interface Outcome extends Done {
  readonly version: string;
  readonly drawn: Drawn;
  readonly isSame: boolean;
}

function printSummary(all: readonly Outcome[], trainings: number): void {
  const good = all.filter(({ isSame }) => isSame).length;
  print(`${good} of ${all.length} interruptions, in ${trainings} trainings, left the same bytes`);
  print(`kinds: ${counted(all.map(({ kind }) => kind))}`);
  print(`steps: ${counted(all.map(({ point }) => point.phase))}`);
  print(
    `continued: ${counted(all.map(({ resumedAfter }) => (resumedAfter > 0 ? 'after a state' : 'from the start')))}`,
  );
  print(`versions: ${counted(all.map(({ version }) => version))}`);
  print(`models: ${counted(all.map(({ drawn }) => drawn.model))}`);
  print(`methods: ${counted(all.map(({ drawn }) => drawn.method))}`);
  print(`optimizers: ${counted(all.map(({ drawn }) => drawn.optimizer))}`);
}

async function interruptAll(): Promise<void> {
  const draw = drawing(seed);
  const kinds = openKinds(draw);
  const inputs = await trainingInputs(pretrained);
  const models = modelNames.filter((name) => inputs[name] !== undefined);
  const { pythons, skipped } = await mlxPythons(process.env.PHASEBOX_MLX_CACHE ?? (await tempDir('mlx')));
  for (const line of skipped) print(`skipped: ${line}`);
  if (pretrained === undefined) print('skipped: a pretrained model (PHASEBOX_REAL_MODEL)');
  const servers = new Map(pythons.map(({ version, python }) => [version, new Trainings(python)]));
  printCells(['mlx_lm', 'model', 'tune', 'optimizer', 'options', 'interrupted by', 'at', 'resumed after', 'adapter']);
  const all: Outcome[] = [];
  const wrong: string[] = [];
  const report = (problem: string): void => {
    print(`WRONG: ${problem}`);
    wrong.push(problem);
  };
  let number = 0;
  for (; all.length < wanted && wrong.length < 5; number += 1) {
    const { version, python } = pythons[number % pythons.length] ?? { version: '', python: '' };
    const name = models[(number + Math.floor(number / models.length)) % models.length] ?? 'MoE';
    const [server, input] = [servers.get(version), inputs[name]];
    if (server === undefined || input === undefined) throw new Error(`no mlx_lm ${version} or no model ${name}`);
    const drawn = drawTraining(draw, name);
    const whole = await Training.make(server, { ...drawn.settings, ...input, train: true });
    const plain = await whole.plain();
    expect(plain.code, `${JSON.stringify(drawn)}\n${plain.log}`).to.equal(0);
    const count = Math.min(draw.whole(1, name === 'pretrained' ? 2 : 3), wanted - all.length);
    const training = await UpTraining.start(drawn, input, python);
    try {
      const done = await interrupt(training, { draw, drawn, kinds, count });
      const problems = await problemsOf(training, await whole.adapter());
      const isSame = problems.length === 0;
      if (!isSame) report(`${version} ${JSON.stringify(drawn)}: ${problems.join('; ')}`);
      for (const one of done) {
        all.push({ ...one, version, drawn, isSame });
        const { method, optimizer, options } = drawn;
        const what = [version, name, method, optimizer, options.join(', ')];
        const after = one.resumedAfter === 0 ? 'start' : String(one.resumedAfter);
        printCells([...what, one.kind, pointText(one), after, isSame ? 'same bytes' : 'WRONG']);
      }
    } catch (error) {
      report(`${version} ${JSON.stringify(drawn)}: ${String(error)}\n${training.up.out()}`);
    } finally {
      await training.chain.remove();
    }
  }
  for (const server of servers.values()) await server.end();
  printSummary(all, number);
  expect(wrong.join('\n')).to.equal('');
}

describe(`trainings that are interrupted ${wanted} times, seed ${seed}`, () => {
  it('each has the bytes of the uninterrupted one', async function () {
    this.timeout(115 * 60_000);
    const why = hasOwnMounts ? null : await whyNoMounts();
    if (why !== null) print(`skipped: a full disk (no tmpfs of our own here: ${why})`);
    if (hasOwnMounts || why !== null) return interruptAll();
    const { failures } = await inOwnMounts('test/long/resume.test.ts', { PHASEBOX_SEED: String(seed) });
    expect(failures).to.eql([]);
  });
});
