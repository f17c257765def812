import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { parse, stringify } from 'yaml';
import * as z from 'zod';
import { sizeText } from '../src/core/format.ts';
import { toolEnv } from '../src/core/mlx/python.ts';
import { rehearsalText } from '../src/core/run/rehearsal-words.ts';
import { rehearsalRecord } from '../src/events/rehearsal.ts';
import { files } from '../src/events/stages/mlx.ts';
import { type TrainSettings, trainCommand, trainSettings, trainYaml } from '../src/events/stages/train.ts';
import { memoryLimit } from '../src/io/host/memory-limit.ts';
import { packageRoot } from '../src/io/host/package-root.ts';

/*
 * `npm run bench -- training [--model DIR] [--pairs 5] [--iters 200] [--env NAME=VALUE ...]`: what the training driver,
 * its states and a rehearsal cost, with the real mlx_lm and the other settings of demo/A.yaml. It needs dist/
 * (`npm run build`), and a quiet machine. PHASEBOX_PYTHON is the Python with mlx_lm, otherwise .venv.
 */

const run = promisify(execFile);
const source = packageRoot().folder;
const python = process.env.PHASEBOX_PYTHON ?? join(source, '.venv/bin/python');
const demo = join(source, 'demo');
const most_bytes = 2 ** 26;

const { values: options } = parseArgs({
  args: process.argv.slice(3),
  options: {
    model: { type: 'string', default: join(demo, 'models/A-base') },
    pairs: { type: 'string', default: '5' },
    iters: { type: 'string', default: '200' },
    // Of the tools, such as LD_PRELOAD=libopenblas.so.0, which Node itself must not get.
    env: { type: 'string', multiple: true, default: [] },
  },
});
const [model, pairs, iters] = [resolve(options.model), count('pairs'), count('iters')];

function count(name: 'pairs' | 'iters'): number {
  const value = Number(options[name]);
  if (Number.isInteger(value) && value >= 1) return value;
  throw new Error(`--${name} ${options[name]} is not a whole number above 0`);
}

/** Events of python/train.py that phasebox itself does not read in full. */
const ofDriver = z.discriminatedUnion('event', [
  z.object({ event: z.literal('state'), bytes: z.number(), seconds: z.number() }),
  z.object({ event: z.literal('end'), hook_seconds: z.looseObject({ total: z.number() }) }),
]);
type OfDriver = z.infer<typeof ofDriver>;
type State = Extract<OfDriver, { event: 'state' }>;

/** A training in a folder of its own. */
interface Trained {
  /** From the start of the process to its end. */
  readonly seconds: number;
  readonly folder: string;
}

interface Driven extends Trained {
  /** Inside the hooks, the saving of states included. */
  readonly hooks: number;
  readonly states: readonly State[];
}

const phase = z.looseObject({ train: trainSettings, env: z.record(z.string(), z.string()) });

/**
 * demo/A.yaml with the model, the environment and the number of iterations that were asked for. A quarter of them is
 * between two states, and validations stay a small part of few iterations too.
 */
async function benchPhase() {
  const read = phase.parse(parse(await readFile(join(demo, 'A.yaml'), 'utf8')));
  const quarter = Math.ceil(iters / 4);
  const steps = { iters, save_every: quarter, steps_per_eval: quarter, val_batches: Math.min(10, quarter) };
  const more = Object.fromEntries(options.env.map((pair) => pair.split(/=(.*)/s, 2)));
  return { ...read, model, train: { ...read.train, ...steps }, env: { ...read.env, ...more } };
}

async function trained(
  root: string,
  name: string,
  { settings, env, of }: { readonly settings: TrainSettings; readonly env: NodeJS.ProcessEnv; readonly of: Command },
): Promise<Trained> {
  const folder = join(root, name);
  await mkdir(folder);
  await writeFile(join(folder, files.trainConfig), trainYaml(settings, { model, data: join(demo, 'data'), seed: 0 }));
  const [program = '', ...argv] = of;
  const start = performance.now();
  await run(program, argv, { cwd: folder, env, maxBuffer: most_bytes });
  return { seconds: (performance.now() - start) / 1000, folder };
}

type Command = readonly string[];

async function driven(training: Trained): Promise<Driven> {
  const text = await readFile(join(training.folder, files.progress), 'utf8');
  const events = text.split('\n').flatMap((line) => {
    const read = line === '' ? null : ofDriver.safeParse(JSON.parse(line));
    return read?.success === true ? [read.data] : [];
  });
  const end = events.find((event) => event.event === 'end');
  if (end === undefined) throw new Error('the training driver does not fit this mlx_lm: plain `mlx_lm lora` ran');
  const states = events.filter((event) => event.event === 'state');
  return { ...training, hooks: end.hook_seconds.total, states };
}

const adapterOf = ({ folder }: Trained): Promise<Buffer> =>
  readFile(join(folder, files.adapter, 'adapters.safetensors'));

const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low = Number.NaN, high = Number.NaN] = [sorted[middle - 1 + (sorted.length % 2)], sorted[middle]];
  return (low + high) / 2;
};
const signed = (value: number): string => `${value < 0 ? '' : '+'}${value.toFixed(1)}`;
const spread = (values: readonly number[], text: (value: number) => string, unit: string): string =>
  `median ${text(median(values))} ${unit}, ${text(Math.min(...values))} to ${text(Math.max(...values))}`;

/** Driver and plain one after the other, the first of them in turn: what the machine does meanwhile hits both. */
async function comparePairs(root: string): Promise<void> {
  const { train: settings, env: own } = await benchPhase();
  const env = { ...process.env, ...toolEnv(own) };
  const places = { python, driver: (name: string) => join(source, 'python', `${name}.py`), memoryLimit: memoryLimit() };
  const { argv, plain } = trainCommand(settings, places);
  if (plain === undefined) throw new Error('these settings have no plain command');
  const withDriver = async (n: number) => driven(await trained(root, `driver-${n}`, { settings, env, of: argv }));
  const without = (n: number) => trained(root, `plain-${n}`, { settings, env, of: plain });
  // The first training reads its packages and the model from the disk.
  await without(0);
  const [differences, shares, states]: [number[], number[], State[]] = [[], [], []];
  let same = 0;
  for (let n = 1; n <= pairs; n++) {
    const first = n % 2 === 0 ? await without(n) : null;
    const one = await withDriver(n);
    const other = first ?? (await without(n));
    differences.push(100 * (one.seconds / other.seconds - 1));
    shares.push((100 * one.hooks) / one.seconds);
    states.push(...one.states);
    same += Number((await adapterOf(one)).equals(await adapterOf(other)));
    const times = `driver ${one.seconds.toFixed(2)} s, plain ${other.seconds.toFixed(2)} s`;
    const hooks = `hooks ${one.hooks.toFixed(3)} s (${shares.at(-1)?.toFixed(2)} %)`;
    console.log(`  pair ${n}: ${times}, ${signed(differences.at(-1) ?? 0)} %; ${hooks}`);
  }
  console.log(`driver against plain     ${spread(differences, signed, '%')}   (n=${pairs})`);
  console.log(`time in hooks            ${spread(shares, (value) => value.toFixed(2), '%')} of the wall time`);
  console.log(`adapters                 ${same} of ${pairs} pairs have the same bytes`);
  if (states.length === 0) return console.log('save of a state          none was saved: use more iterations');
  const seconds = states.map((state) => state.seconds);
  const [size, each] = [sizeText(Math.max(...states.map(({ bytes }) => bytes))), (value: number) => value.toFixed(3)];
  console.log(`save of a state          ${spread(seconds, each, 's')}; ${size}   (n=${states.length})`);
}

/** By the command, with all of its steps: data check, training, and the first prompt. */
async function rehearseOnce(root: string): Promise<void> {
  await cp(demo, join(root, 'demo'), { recursive: true });
  await writeFile(join(root, 'phasebox.yaml'), stringify({ python, disk_reserve_gb: 0 }));
  await writeFile(join(root, 'bench.yaml'), stringify(await benchPhase()));
  const argv = [join(source, 'dist/phasebox.js'), '--workspace', root, 'rehearse', 'bench.yaml', '--json'];
  const { stdout } = await run(process.execPath, argv, { cwd: root, maxBuffer: most_bytes });
  const { rehearsals } = z.object({ rehearsals: z.array(rehearsalRecord) }).parse(JSON.parse(stdout));
  for (const { seconds, result } of rehearsals)
    console.log(`rehearsal                ${seconds.toFixed(1)} s: ${rehearsalText(result)}`);
}

const root = await mkdtemp(join(tmpdir(), 'phasebox-bench-training-'));
try {
  const machine = `${cpus().length} cores, load ${loadavg()[0]?.toFixed(1)} before the first figure`;
  console.log(`${basename(model)}, ${iters} iterations; ${machine}; times grow with the load`);
  await comparePairs(root);
  await rehearseOnce(root);
} finally {
  await rm(root, { recursive: true });
}
