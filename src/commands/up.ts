import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { CommandError } from '../core/errors.ts';
import { nextTime } from '../core/plan/until.ts';
import { type Broker, openBroker } from '../io/broker/broker.ts';
import { claimWorkspace, type Ownership } from '../io/claim/ownership.ts';
import { openLogger } from '../io/workspace/logger.ts';
import type { Workspace } from '../io/workspace/workspace.ts';
import { openInbox } from '../producers/open-inbox.ts';
import { startWorkers } from '../workers/index.ts';
import type { Stuck } from '../workers/queue/admission.ts';
import type { Leaving, Notice, Runtime } from '../workers/runtime/runtime.ts';
import { aTimeOfDay, documented, globals, type Register, workspaceOf } from './parts/command.ts';
import { detach } from './parts/detach.ts';
import {
  AskedToLeave,
  allDone,
  catchSignals,
  heldRunsText,
  leaving,
  openSteps,
  outOfTime,
  pausedText,
  type Steps,
  stopRequest,
} from './parts/ending.ts';
import { errorText } from './parts/error-text.ts';
import { greet, openDashboard } from './parts/greet.ts';
import { leftForTheNextNight, type NightLine, openNightLine } from './parts/night-line.ts';
import { openRuntime } from './parts/open-runtime.ts';
import { warnOutsideOutput } from './parts/output.ts';
import { openStandardOutput, type Screen } from './parts/screen.ts';
import { endingLine, liveLines, noticeLine, timed } from './parts/up-lines.ts';

export interface UpOptions {
  readonly once: boolean;
  readonly dashboard: boolean;
  readonly logLevel: string;
  /** A time of day. No run starts that would not be finished by then. What works then is finished, or paused. */
  readonly until?: string | undefined;
  readonly pauseAtEnd?: boolean | undefined;
}

/** Exit code of `up --once`: what happened in this call, and only in this call. */
interface Tally {
  failed: number;
  rejected: number;
}

/** With a detailed log level at a terminal, the log is shown there too. */
const isWatched = (level: string): boolean => process.stderr.isTTY === true && ['debug', 'trace'].includes(level);

/** Watcher, workers and dashboard, until a signal or (`once`) until everything is done. Returns the exit code. */
export async function up(workspace: Workspace, options: UpOptions): Promise<number> {
  const asked = catchSignals();
  try {
    return await owning(workspace, options, asked);
  } catch (error) {
    if (error instanceof AskedToLeave) return 0;
    throw error;
  }
}

async function owning(workspace: Workspace, options: UpOptions, asked: AbortSignal): Promise<number> {
  let claim = await claimWorkspace(workspace.state);
  // A command like `phasebox cancel` that found no running `up` does its work itself, in seconds.
  for (; claim.kind === 'taken' && claim.moment; claim = await claimWorkspace(workspace.state)) {
    await delay(50);
    asked.throwIfAborted();
  }
  if (claim.kind === 'taken') {
    const taken = `phasebox is already up in ${workspace.root} (pid ${claim.pid})`;
    throw new CommandError(3, `${taken}. Show its progress: \`phasebox status\`.`);
  }
  const log = openLogger({
    folder: join(workspace.state, 'log'),
    level: options.logLevel,
    pretty: isWatched(options.logLevel),
  });
  const screen = openStandardOutput(log);
  try {
    const broker = await openBroker(workspace, (line) => screen.line(line), asked);
    try {
      return await watch({ workspace, options, log, screen, broker, ownership: claim.ownership, asked });
    } finally {
      await broker.close();
    }
  } finally {
    screen.close();
    await claim.ownership.release();
  }
}

interface Setting {
  readonly workspace: Workspace;
  readonly options: UpOptions;
  readonly log: Logger;
  readonly screen: Screen;
  readonly broker: Broker;
  readonly ownership: Ownership;
  readonly asked: AbortSignal;
}

async function watch(setting: Setting): Promise<number> {
  const { workspace, options, log, screen, broker, asked } = setting;
  const down = new AbortController();
  const tally: Tally = { failed: 0, rejected: 0 };
  const steps = openSteps();
  let night: NightLine | null = null;
  const notice = (step: Notice): void => {
    steps.happened();
    if ((step.kind === 'row' && step.row.status !== 'done') || (step.kind === 'store' && step.failed)) tally.failed++;
    screen.line(noticeLine(step));
    if (step.kind === 'row') night?.finished(step.row);
  };
  const until = options.until === undefined ? null : nextTime(options.until, Date.now());
  const runtime = await openRuntime({ workspace, log, broker, signal: down.signal, until, stop: asked, notice });
  night = openNightLine(runtime, (line) => screen.line(timed(line)));
  let how: Ending = 'detach';
  try {
    how = await work(setting, { runtime, down, tally, steps, night });
  } finally {
    await closeBus(runtime);
    await runtime.pages.close();
    // Only now has the last row been notified.
    if (how !== 'detach' && how !== 'stop') await night.over();
    await runtime.notifier.close();
    await runtime.runStore.close();
  }
  log.info({ broker: broker.where }, 'down');
  if (how === 'paused') throw new CommandError(3, pausedText(runtime));
  if (how === 'held') throw new CommandError(1, await heldRunsText(runtime));
  if (!options.once) return 0;
  return tally.failed > 0 ? 1 : tally.rejected > 0 ? 2 : 0;
}

/** How long the workers may take to sign off: a broker that hangs never answers. */
const signOff_ms = 2000;

async function closeBus({ bus, busyRuns, log }: Runtime): Promise<void> {
  await Promise.all([...busyRuns.values()].map(({ over }) => over));
  const closed = bus.close().then(() => true);
  if (!(await Promise.race([closed, delay(signOff_ms, false, { ref: false })])))
    log.warn(`the broker at ${bus.where} did not answer when the workers signed off`);
}

type Ending = Leaving | Stuck | 'done' | 'late';

interface Work {
  readonly runtime: Runtime;
  readonly down: AbortController;
  readonly tally: Tally;
  readonly steps: Steps;
  readonly night: NightLine;
}

/** Watches and works until a signal or (`once`) until everything is done. Returns how it ended. */
async function work(setting: Setting, { runtime, down, tally, steps, night }: Work): Promise<Ending> {
  const { workspace, options, log, screen, ownership, asked } = setting;
  // Before anything starts: without its port, no tool must be left behind.
  const dashboard = options.dashboard ? await openDashboard(runtime) : null;
  asked.throwIfAborted();
  const workers = await startWorkers(runtime);
  const inbox = openInbox({
    workspace,
    log,
    python: runtime.python,
    runStore: runtime.runStore,
    say: (line) => screen.line(timed(line)),
    warn: await warnOutsideOutput(),
    onRejected: () => tally.rejected++,
    alone: workers.alone,
    onAccepted: (runs) => {
      workers
        .accepted(runs)
        .then(night.changed)
        .catch((error: unknown) => log.error({ err: error }, 'accepted runs could not be queued'));
    },
  });
  ownership.onLost(() => {
    screen.line(
      timed('another `phasebox up` owns this workspace now, since the claim of this one was deleted. This one stops'),
    );
    process.kill(process.pid, 'SIGTERM');
  });
  ownership.requests.handle(async (request) => {
    try {
      if (request.kind === 'submit') return await inbox.submit(request);
      return { kind: 'outcomes', outcomes: await workers.handle(request) };
    } catch (error) {
      return { kind: 'error', message: await errorText(error, workspace.root) };
    }
  });
  await greet({ ...setting, runtime, dashboard });
  // Runs may wait already: submitted while no `up` ran, or left by the last one.
  night.changed();
  const live = setInterval(() => screen.live(liveLines(runtime, Date.now())), 250);
  let how: Ending = 'detach';
  try {
    const progress = { runtime, inbox, workers, steps };
    how = await Promise.race([
      ...[leaving(runtime, screen, asked), stopRequest(runtime)],
      ...(options.once ? [allDone(progress)] : []),
      ...(runtime.until === null ? [] : [outOfTime(progress, { pauses: options.pauseAtEnd === true, screen })]),
    ]);
    if (how === 'late') screen.line(timed(await leftForTheNextNight(runtime)));
  } finally {
    clearInterval(live);
    night.close();
    screen.close();
    if (how === 'stop') screen.line(endingLine(runtime));
    down.abort(how === 'stop' ? 'stop' : 'detach');
    await ownership.requests.close();
    await inbox.close();
    await workers.close();
    await dashboard?.close();
  }
  return how;
}

export const registerUp: Register = (program, exit) => {
  documented(program.command('up'), {
    does: 'Run everything that is queued, until Ctrl-C',
    notes: [
      'It watches the inbox, executes one run at a time and serves the dashboard.',
      'With --until, a run is started only if it will be finished by the given time, according to the upper end of its estimate. A run that has already started continues until it is finished, even after this time. With --pause-at-end its stage is interrupted at this time, as by `phasebox pause --now`, and the next `phasebox up` continues it. The command ends when no run is active and none of the queued runs would be finished in time, and says which runs are left. These runs are the first of the next night.',
    ],
    examples: ['phasebox up', 'phasebox up --once', 'phasebox up --until 07:00'],
    exits: {
      0: 'stopped, for example by Ctrl-C; with --once, every run is done; with --until, no other run would be finished by the given time',
      1: 'with --once: a run failed, was cancelled, is damaged, or was deleted before its result was written, or only held runs, and runs that start from them, are left',
      2: 'with --once: a config was rejected, and no case of exit code 1 or 3 applies',
      3: 'the environment is not ready, this folder is not a workspace, another `up` runs here, or (with --once) paused runs are left, whatever the results of the other runs are',
    },
  })
    .option('--once', 'stop when the inbox is empty and every run is finished, paused or held, or waits for such a run')
    .option('--detach', 'run in the background and log to .phasebox/log/')
    .option('--no-dashboard', 'do not serve the dashboard')
    .option('--until <time>', 'start no run that would not be finished by this local time, such as 07:00', aTimeOfDay)
    .option('--pause-at-end', 'with --until: at that time, pause the stage that is running')
    .action(async (options: Partial<UpOptions> & { detach?: boolean; dashboard: boolean }, command) => {
      const workspace = await workspaceOf(command, 'write');
      if (options.detach) return detach(workspace, process.argv);
      const { once = false, dashboard, until = workspace.config.until, pauseAtEnd } = options;
      if (pauseAtEnd === true && until === undefined)
        throw new CommandError(2, '--pause-at-end needs a time: `--until 07:00`, or `until:` in phasebox.yaml');
      exit(await up(workspace, { once, dashboard, until, pauseAtEnd, logLevel: globals(command).logLevel }));
    });
};
