import { basename, dirname, join } from 'node:path';
import { StageError } from '../../core/errors.ts';
import { diagnose } from '../../core/mlx/diagnose.ts';
import { toolEnv } from '../../core/mlx/python.ts';
import type { StallLimits } from '../../core/run/stall.ts';
import type { JournalLine } from '../../events/run.ts';
import { readText } from '../../io/disk/files.ts';
import { removeInside } from '../../io/disk/inside.ts';
import { expandWords } from '../../io/host/home.ts';
import { followLog, logTail } from '../../io/tool/follow-log.ts';
import { settled } from '../../io/tool/settled.ts';
import { watchStrays } from '../../io/tool/strays.ts';
import { clearControl, findTool, isAlive, type RunningTool, startTool } from '../../io/tool/tool-process.ts';
import { stallLimits, watchStall } from '../../io/tool/watch-stall.ts';
import type { Workspace } from '../../io/workspace/workspace.ts';
import { isDetaching, now, type Runtime } from '../runtime/runtime.ts';
import type { Tool } from '../stages/stage.ts';
import { type Attempt, holdMachine, tellWait } from './attempt.ts';

/** Lines of a failed tool's log for the journal, the row and the dashboard. */
export const tailLines = 20;

/** A tool, and how long it may show no progress. Null if it is not watched. */
export interface WatchedTool extends Tool {
  readonly stall: StallLimits | null;
}

/** `base`: the folder of the run's base model. */
export async function watched(tool: Tool, { config }: Workspace, base: string | null): Promise<WatchedTool> {
  return { ...tool, stall: tool.ofUser === true ? null : await stallLimits(config, base) };
}

/** Runs a tool to its end, alone on the machine if it loads a model. Returns its exit code: 0, or one of its `codes`. */
export async function runTool(runtime: Runtime, attempt: Attempt, tool: WatchedTool): Promise<number> {
  const dir = folderOf(attempt, tool);
  if (tool.loadsModel !== true || (!startsAgain(tool) && (await isOver(dir)))) return runToEnd(runtime, attempt, tool);
  const slot = await holdMachine(runtime, attempt, { dir, server: false });
  try {
    return await runToEnd(runtime, attempt, tool);
  } finally {
    // A tool that continues without this process keeps the machine.
    if (!isDetaching(runtime.signal)) await slot.release();
  }
}

const folderOf = ({ dir }: Attempt, { name }: Tool): string => (name === undefined ? dir : join(dir, name));

const startsAgain = ({ fresh, again }: Tool): boolean => fresh === true || again === true;

/** A tool that ended under an earlier process of phasebox only has an exit code to read. */
const isOver = async (dir: string): Promise<boolean> =>
  (await readText(join(dir, 'command.json'))) !== null && !(await isAlive(dir));

/** Runs a tool, or resumes one that this attempt started under an earlier process of phasebox. */
async function runToEnd(runtime: Runtime, attempt: Attempt, tool: WatchedTool): Promise<number> {
  const { stored, event, dir, notes } = attempt;
  if (runtime.signal.aborted) throw new StageError('STOPPED', event.stage);
  const folder = folderOf(attempt, tool);
  const argv = expandWords(tool.argv);
  notes.commands.push(argv);
  const env = { ...toolEnv(stored.run.env), ...tool.env };
  const line = { at: now(), stage: event.stage, attempt: event.attempt };
  if (tool.fresh === true) await clearTool(folder);
  if (tool.again === true) await clearControl(folder);
  const found = await findTool(folder);
  const running = found ?? (await startTool({ dir: folder, argv, env, cwd: tool.cwd ?? dir }));
  const known = found === null ? none : toolLines(await runtime.runStore.journal(stored), event, argv);
  if (!known.started) await runtime.runStore.append(stored, { event: 'tool_started', ...line, argv });
  watchStrays(folder, running.ended, (text) => tellWait(runtime, attempt, text)).catch((error: unknown) =>
    runtime.log.warn({ err: error, run: event.run }, 'what the tool left running could not be looked up'),
  );
  const { onLine, events, stall } = tool;
  const stalled = async (over: AbortSignal): Promise<void> =>
    stall === null ? undefined : watchStall({ tool: folder, files: dir }, stall, over);
  const code = await watchTool(running, runtime.signal, { onLine, events, stalled });
  const live = runtime.busyRuns.get(event.run);
  if (live !== undefined) live.waits = null;
  if (!known.ended) await runtime.runStore.append(stored, { event: 'tool_ended', ...line, at: now(), code });
  if (code === 0) return code;
  if (runtime.signal.aborted) throw new StageError('STOPPED', event.stage);
  if (code === null) throw new StageError('TOOL_LOST', `its exit code is unknown: ${argv.join(' ')}`);
  if (tool.codes?.includes(code) === true) return code;
  throw diagnose(code, await logTail(running.log, tailLines), runtime.python);
}

const none = { started: false, ended: false };

/** The lines that the journal already has about a tool that an earlier process of `up` started in this attempt. */
function toolLines(
  journal: readonly JournalLine[],
  { stage, attempt }: Attempt['event'],
  argv: readonly string[],
): typeof none {
  const own = journal.filter((line) => 'attempt' in line && line.stage === stage && line.attempt === attempt);
  const start = own.findLastIndex((line) => line.event === 'tool_started' && line.argv.join('\0') === argv.join('\0'));
  if (start === -1) return none;
  return { started: true, ended: own.slice(start).some(({ event }) => event === 'tool_ended') };
}

interface Watch extends Pick<Tool, 'onLine' | 'events'> {
  /** Throws STALLED if the tool stands still. */
  stalled(over: AbortSignal): Promise<void>;
}

/**
 * The exit code. If `stalled` or a reader of lines throws, the tool is stopped and the error is thrown to the caller. When
 * `up` stops, the tool is stopped, or (detach) continues: then this throws, and the next `up` resumes the tool in the
 * same folder.
 */
async function watchTool(running: RunningTool, signal: AbortSignal, watch: Watch): Promise<number | null> {
  let leave: () => void = () => undefined;
  const left = new Promise<never>((_resolve, reject) => {
    leave = () => {
      if (isDetaching(signal)) reject(new StageError('STOPPED', 'the tool continues'));
      else void running.stop();
    };
  });
  signal.addEventListener('abort', leave, { once: true });
  // It may have been aborted while the tool was starting.
  if (signal.aborted) leave();
  try {
    const stands = watch.stalled(settled(Promise.race([running.ended, left]))).then(() => left);
    await Promise.race([Promise.all(readersOf(running, watch)), left, stands]);
    return (await Promise.race([running.ended, left, stands])).code;
  } catch (error) {
    if (isDetaching(signal)) throw error;
    await running.stop();
    await running.ended;
    throw error;
  } finally {
    signal.removeEventListener('abort', leave);
  }
}

function readersOf({ log, ended }: RunningTool, { onLine, events }: Watch): Promise<void>[] {
  return [
    ...(onLine === undefined ? [] : [followLog(log, ended, onLine)]),
    ...(events === undefined ? [] : [followLog(join(dirname(log), events.file), ended, events.onLine)]),
  ];
}

/** Stops what an earlier process left running in this tool's own folder, and removes its files. */
export async function clearTool(dir: string): Promise<void> {
  if (await isAlive(dir)) await (await findTool(dir))?.stop();
  await removeInside(dirname(dir), basename(dir));
}
