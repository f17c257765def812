import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { fine } from './control.ts';
import { fillDisk } from './fill-disk.ts';
import { waitFor } from './temp.ts';
import { patience_ms, type UpTraining } from './up-training.ts';
import { kill, type TrainProcess } from './watched.ts';

export type Kind = keyof typeof interruptions;

/** How long a training computes between its release and its kill. */
interface Moment {
  readonly later_ms: number;
}

/** Kills what is named, a moment after the training was released. */
async function killLater(training: UpTraining, at: TrainProcess, { later_ms }: Moment, pids: readonly number[]) {
  await training.watched.release(at);
  await delay(later_ms);
  for (const pid of pids) kill(pid);
}

/**
 * Everything that interrupts a training of `phasebox up`. Each gets the training held at a step, and ends when the next
 * process of the training may begin. SIGTERM reaches it while it is held.
 */
export const interruptions = {
  'SIGKILL of the tool': (training: UpTraining, at: TrainProcess, moment: Moment) =>
    killLater(training, at, moment, [at.pid]),

  'SIGKILL of its group': async (training: UpTraining, at: TrainProcess, moment: Moment) => {
    const leader = Number(await readFile(join(at.cwd, 'started'), 'utf8'));
    await killLater(training, at, moment, [-leader]);
  },

  'SIGKILL of up and the tool': async (training: UpTraining, at: TrainProcess, moment: Moment) => {
    await killLater(training, at, moment, [training.up.pid, at.pid]);
    await training.up.ended;
    await training.startUp();
  },

  'second Ctrl-C': async (training: UpTraining) => {
    expect(await training.up.stop(), training.up.out()).to.equal(0);
    await training.startUp();
  },

  'pause --now': async (training: UpTraining, at: TrainProcess) => {
    await fine(training.chain, 'pause', training.run, '--now');
    await training.watched.release(at);
    const isPaused = async () => (await training.failures('PAUSED')) > 0 || (await training.isOver());
    await waitFor('the pause', isPaused, patience_ms);
    await fine(training.chain, 'resume', training.run);
  },

  'stop --tools': async (training: UpTraining) => {
    await fine(training.chain, 'stop', '--tools');
    expect((await training.up.ended).code, training.up.out()).to.equal(0);
    await training.startUp();
  },

  'cancel and retry': async (training: UpTraining) => {
    await fine(training.chain, 'cancel', training.run);
    await training.cancelled();
    await fine(training.chain, 'retry', training.run);
  },

  'full disk': async (training: UpTraining, at: TrainProcess) => {
    const filler = fillDisk(training.chain.root);
    await training.watched.release(at);
    await waitFor('the end of the tool', () => hasEnded(at), patience_ms);
    await rm(filler);
  },
} as const;

/** A process whose wrapper lives, which waits for its end. */
function hasEnded({ pid }: TrainProcess): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
}
