import { join } from 'node:path';
import { stringify } from 'yaml';
import type { Row } from '../../src/events/row.ts';
import { stages } from '../../src/events/stages.ts';
import type { TrainingFacts } from '../../src/events/training.ts';
import { readManifest } from '../../src/io/artifacts/run-folder.ts';
import { type Chain, makeChain, type Running } from './chain.ts';
import { folder } from './control.ts';
import type { Drawn, Inputs } from './drawn-trainings.ts';
import { hasOwnMounts, onSmallDisk } from './own-mounts.ts';
import { tensorHashes } from './real-stage.ts';
import { waitFor } from './temp.ts';
import { type TrainProcess, Watched } from './watched.ts';

/** Retried at once and for ever, and nothing beside the training. */
const settings = { rehearsal: 'off', stage_retries: 100, retry_pause_s: [0], disk_reserve_gb: 0 };
/** Python needs seconds to import transformers, a full disk pauses a run for half a minute, and others use the machine. */
export const patience_ms = 20 * 60_000;

/** A real training in a real workspace, inside `phasebox up`. If this process may mount, it is on a small disk of its own. */
export class UpTraining {
  readonly chain: Chain;
  readonly watched: Watched;
  readonly run: string;
  up: Running;
  /** How many processes of the training `next` has returned. */
  #seen = 0;

  private constructor(chain: Chain, watched: Watched, { run, up }: { run: string; up: Running }) {
    this.chain = chain;
    this.watched = watched;
    this.run = run;
    this.up = up;
  }

  static async start(drawn: Drawn, { model, data }: Inputs, python: string): Promise<UpTraining> {
    const watched = await Watched.make();
    const make = () => makeChain({ ...settings, python });
    const chain = await (hasOwnMounts ? onSmallDisk(32, make) : make());
    const { seed, ...train } = drawn.settings;
    const env = { MLX_DISABLE_COMPILE: '1', ...watched.env };
    // A suite is required, but what follows the training is stopped with the workspace.
    const rest = { fuse: { mode: 'none' }, eval: { suite: 'four.yaml', base: false, cost: false } };
    const phase = { phase: 'p', model, data, seeds: [seed], train, ...rest, env };
    await chain.write('inbox/p.yaml', stringify(phase));
    const up = await chain.up();
    return new UpTraining(chain, watched, { run: `p-s${seed}`, up });
  }

  get #folder(): string {
    return folder(this.chain, this.run);
  }

  async startUp(): Promise<void> {
    this.up = await this.chain.up();
  }

  /** The next process of the training, when it has begun. Null if the training has ended. */
  async next(): Promise<TrainProcess | null> {
    return waitFor(
      'the training or its end',
      async () => {
        const process = (await this.watched.processes())[this.#seen];
        if (process !== undefined) {
          this.#seen += 1;
          return [process] as const;
        }
        return (await this.isOver()) ? ([null] as const) : null;
      },
      patience_ms,
    ).then(([process]) => process);
  }

  /** Waits until a process is held at its point. False if the training ended without coming there. */
  async isHeld(process: TrainProcess): Promise<boolean> {
    const state = await waitFor(
      'the point',
      async () => ((await this.watched.isHeld(process)) ? 'held' : (await this.isOver()) ? 'over' : null),
      patience_ms,
    );
    return state === 'held';
  }

  /** Waits for the row of a cancelled run, which a retry replaces. */
  async cancelled(): Promise<void> {
    await waitFor('the row', async () => (await this.#row())?.status === 'cancelled');
  }

  /** Whether the training has ended: it is committed, or its run has failed. */
  async isOver(): Promise<boolean> {
    return (await this.#manifest()) !== null || (await this.#row())?.status === 'failed';
  }

  /** How many attempts failed with this code since the newest process of the training has begun. */
  async failures(code: string): Promise<number> {
    const journal = await this.chain.journal(this.run);
    const begun = journal.findLastIndex(({ event }) => event === 'tool_started');
    return journal.slice(begun).filter((line) => line.event === 'failed' && line.code === code).length;
  }

  /** What is known of the training when it has ended: null if it failed. And what happened until then. */
  async result(): Promise<{ facts: TrainingFacts | null; story: string }> {
    const events = (await this.chain.journal(this.run)).map((line) =>
      line.event === 'failed' ? `failed (${line.code}: ${line.message})` : line.event,
    );
    const manifest = await this.#manifest();
    const facts = manifest === null ? null : (stages.train.makes.parse(manifest.made).training ?? null);
    return { facts, story: `${this.run}: ${events.join(', ')}` };
  }

  /** SHA-256 of each file that mlx_lm wrote, by name. */
  adapter(): Promise<Record<string, string>> {
    return tensorHashes(join(this.#folder, '1-train/adapter'));
  }

  #manifest() {
    return readManifest(this.#folder, 'train');
  }

  async #row(): Promise<Row | undefined> {
    return (await this.chain.rows()).find(({ run }) => run === this.run);
  }
}
