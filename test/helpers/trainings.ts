import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { stringify } from 'yaml';
import { readText } from '../../src/io/disk/files.ts';
import { parseLines } from './lines.ts';
import { demoBase, demoData, tensorHashes } from './real-stage.ts';
import { atTheEnd, tempDir, waitFor } from './temp.ts';
import { kill, type Point, Watched } from './watched.ts';

const repository = resolve(import.meta.dirname, '../..');
const forks = join(repository, 'test/fixtures/train/forks.py');
const driver = join(repository, 'python/train.py');

/** A line of `--progress`. Only the keys that tests read. */
export interface TrainEvent {
  readonly event: string;
  readonly phase?: string;
  readonly iteration?: number | null;
  readonly train_loss?: number;
  readonly val_loss?: number;
  readonly trained_tokens?: number;
  readonly parameters?: number;
  readonly share?: number;
  readonly reason?: string;
  readonly why?: string;
}

export interface Ended {
  readonly code: number;
  readonly log: string;
}

interface Started {
  readonly pid: number;
  readonly ended: Promise<number>;
}

interface Waiting {
  readonly started: (pid: number) => void;
  readonly ended: (code: number) => void;
}

/** Starts trainings with one Python, each in a process of its own. They end when this process ends. */
export class Trainings {
  readonly #server: ChildProcessWithoutNullStreams;
  readonly #waiting = new Map<number, Partial<Waiting>>();
  readonly #forget: () => void;
  #next = 1;

  constructor(python: string) {
    const own = { TRANSFORMERS_NO_ADVISORY_WARNINGS: '1', PYTHONDONTWRITEBYTECODE: '1' };
    const env = { ...process.env, ...own, MLX_DISABLE_COMPILE: '1', HF_HUB_OFFLINE: '1' };
    this.#server = spawn(python, [forks], { env, stdio: 'pipe' });
    this.#server.stderr.pipe(process.stderr);
    createInterface(this.#server.stdout).on('line', (line) => {
      const { id, pid, code } = JSON.parse(line);
      if (pid !== undefined) this.#waiting.get(id)?.started?.(pid);
      else this.#waiting.get(id)?.ended?.(code);
    });
    this.#forget = atTheEnd(() => this.end());
  }

  /** Ends the server, which kills the trainings that still run. */
  async end(): Promise<void> {
    if (this.#server.exitCode !== null) return;
    const gone = new Promise((done) => this.#server.once('exit', done));
    this.#server.stdin.end();
    await gone;
    this.#forget();
  }

  async start(argv: readonly string[], cwd: string, more: { watch?: string; path?: string } = {}): Promise<Started> {
    const id = this.#next++;
    const waiting: Partial<Waiting> = {};
    const pid = new Promise<number>((started) => Object.assign(waiting, { started }));
    const ended = new Promise<number>((end) => Object.assign(waiting, { ended: end }));
    this.#waiting.set(id, waiting);
    this.#server.stdin.write(`${JSON.stringify({ id, argv, cwd, log: join(cwd, 'log.txt'), ...more })}\n`);
    return { pid: await pid, ended };
  }
}

/** mlx_lm's settings for a short training that has everything in it: dropout, a schedule, accumulation, checkpoints. */
export const shortTraining = {
  ...{ train: true, seed: 3, iters: 24, batch_size: 2, num_layers: 2, mask_prompt: true, max_seq_length: 64 },
  ...{ save_every: 4, steps_per_report: 4, steps_per_eval: 6, val_batches: 2, grad_accumulation_steps: 2 },
  lora_parameters: { rank: 4, dropout: 0.1, scale: 20 },
  ...{ learning_rate: 2e-4, lr_schedule: { name: 'cosine_decay', warmup: 4, arguments: [2e-4, 24] } },
};

export type Settings = Readonly<Record<string, unknown>>;

/** 40 rows of the demo's data: a short training then sees some of them twice. */
export async function smallData(): Promise<string> {
  const folder = await tempDir('rows');
  for (const [name, count] of [
    ['train', 40],
    ['valid', 8],
  ] as const) {
    const lines = (await readFile(join(demoData, `${name}.jsonl`), 'utf8')).split('\n');
    await writeFile(join(folder, `${name}.jsonl`), `${lines.slice(0, count).join('\n')}\n`);
  }
  return folder;
}

/** One training in a folder of its own, which several processes work on, one after the other. */
export class Training {
  readonly folder: string;
  readonly states: string;
  readonly progress: string;
  readonly pauseFile: string;
  readonly #trainings: Trainings;

  private constructor(folder: string, trainings: Trainings) {
    this.folder = folder;
    this.#trainings = trainings;
    this.states = join(folder, 'states');
    this.progress = join(folder, 'progress.jsonl');
    this.pauseFile = join(folder, 'pause');
  }

  static async make(trainings: Trainings, settings: Settings): Promise<Training> {
    const training = new Training(await tempDir('training'), trainings);
    await training.configure(settings);
    return training;
  }

  async configure(settings: Settings): Promise<void> {
    await mkdir(this.folder, { recursive: true });
    const complete = { model: demoBase('A'), adapter_path: 'adapter', ...settings };
    await writeFile(join(this.folder, 'train.yaml'), stringify(complete, { version: '1.1' }));
  }

  /** `mlx_lm lora`, without the driver. */
  plain(): Promise<Ended> {
    return this.#toTheEnd(['-m', 'mlx_lm', 'lora', '-c', 'train.yaml']);
  }

  /** The driver, to its end. */
  driver(...options: readonly string[]): Promise<Ended> {
    return this.#toTheEnd(this.#argv(options));
  }

  /** The driver with states, which resumes if it can. */
  resume(...options: readonly string[]): Promise<Ended> {
    return this.driver(...this.#stateful(), ...options);
  }

  /** The driver with another mlx_lm, which lies in the folder `path`. */
  async withPath(path: string): Promise<Ended> {
    const { ended } = await this.#trainings.start(this.#argv([]), this.folder, { path });
    return { code: await ended, log: await this.log() };
  }

  /** The driver with states, killed at a point. Its code is -9 unless it ended before. */
  async killAt(point: Point, options: readonly string[] = []): Promise<number> {
    const { pid, ended } = await this.#heldAt(point, options);
    kill(pid);
    return ended;
  }

  /** The driver with states, asked for a pause at a point. The file of the request is removed. */
  async pauseAt(point: Point, options: readonly string[] = []): Promise<Ended> {
    const { ended, release } = await this.#heldAt(point, options);
    await writeFile(this.pauseFile, '');
    await release();
    const code = await ended;
    await rm(this.pauseFile);
    return { code, log: await this.log() };
  }

  async events(name?: string): Promise<TrainEvent[]> {
    const all = parseLines<TrainEvent>(await readText(this.progress));
    return name === undefined ? all : all.filter(({ event }) => event === name);
  }

  /** SHA-256 of each file that mlx_lm wrote, by name. */
  adapter(): Promise<Record<string, string>> {
    return tensorHashes(join(this.folder, 'adapter'));
  }

  /** The iterations that were begun, over all processes. */
  async begun(): Promise<number[]> {
    const beats = await this.events('beat');
    return beats.filter(({ phase }) => phase === 'training').map(({ iteration }) => iteration ?? 0);
  }

  /** The iterations of the states on disk, the newest last. */
  async saved(): Promise<number[]> {
    const names = await readdir(this.states).catch(() => []);
    return names.map((name) => Number(name.split('-')[1])).sort((one, other) => one - other);
  }

  log(): Promise<string> {
    return readText(join(this.folder, 'log.txt')).then((text) => text ?? '');
  }

  #argv(options: readonly string[]): string[] {
    return [driver, '-c', 'train.yaml', '--progress', this.progress, '--beat-every', '0', ...options];
  }

  #stateful(): string[] {
    return ['--state-dir', this.states, '--resume', this.states, '--pause-file', this.pauseFile];
  }

  async #toTheEnd(argv: readonly string[]): Promise<Ended> {
    const { ended } = await this.#trainings.start(argv, this.folder);
    return { code: await ended, log: await this.log() };
  }

  /** Runs to a point, and holds the process there. */
  async #heldAt(point: Point, options: readonly string[]): Promise<Started & { release: () => Promise<void> }> {
    const watched = await Watched.make();
    const argv = this.#argv([...this.#stateful(), ...options]);
    const started = await this.#trainings.start(argv, this.folder, { watch: watched.folder });
    await watched.plan(started, point);
    let code: number | null = null;
    void started.ended.then((value) => {
      code = value;
    });
    await waitFor(`${point.phase} ${point.iteration ?? ''}`, async () => {
      if (code !== null) throw new Error(`it ended with ${code} before that:\n${await this.log()}`);
      return watched.isHeld(started);
    });
    return { ...started, release: () => watched.release(started) };
  }
}
