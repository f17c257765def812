import { appendFile, mkdir, readdir, writeFile } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join } from 'node:path';
import type { FoundModel } from '../core/config/lookups.ts';
import { StageError } from '../core/errors.ts';
import { diagnose } from '../core/mlx/diagnose.ts';
import { toolEnv } from '../core/mlx/mlx-argv.ts';
import { servedModel } from '../core/score/chat.ts';
import { promptDateVariable } from '../core/score/rendering.ts';
import type { JournalLine } from '../events/journal.ts';
import { removeOutputs } from '../io/artifacts/remove-outputs.ts';
import { readText } from '../io/disk/files.ts';
import { contentHash } from '../io/disk/hash.ts';
import { removeInside } from '../io/disk/inside.ts';
import { driverPath } from '../io/host/driver-path.ts';
import { absolutePath, expandWords } from '../io/host/home.ts';
import { addsNothing } from '../io/model/idle-adapter.ts';
import { proveInput, proveModel } from '../io/model/model-folder.ts';
import { renderedFolder, renderPrompts } from '../io/model/render-prompts.ts';
import { type RunningServer, startModelServer } from '../io/server/model-server.ts';
import { scoreOrThrow, suiteOf } from '../io/thread/off-thread.ts';
import { followLog, logTail } from '../io/tool/follow-log.ts';
import { watchStrays } from '../io/tool/strays.ts';
import { findTool, isAlive, type RunningTool, startTool } from '../io/tool/tool-process.ts';
import type { Attempt } from './attempt.ts';
import { holdMachine, tellWait } from './machine.ts';
import { promptDateOf } from './prompt-date.ts';
import { isDetaching, now, type Runtime } from './runtime.ts';
import { makeShared } from './shared-folder.ts';
import type { StageContext, Tool } from './stage.ts';

/** Lines of a failed tool's log that go into the journal, the row and the dashboard. */
export const tailLines = 20;

/** The context of one attempt. `base`: where the run's base model is; null: it has none. */
export function stageContext(runtime: Runtime, attempt: Attempt, base: FoundModel | null): StageContext {
  const { stored, event, dir, board, notes } = attempt;
  const { run } = stored;
  const inDir = (name: string): string => (isAbsolute(name) ? name : join(dir, name));
  const warn = (text: string): void => warnOf(runtime, attempt, text);
  return {
    run,
    attempt: event.attempt,
    dir,
    workspace: runtime.workspace.root,
    signal: runtime.signal,
    python: runtime.python,
    versions: runtime.versions,
    get baseModel() {
      if (base?.found) return base.folder;
      throw new StageError(
        'MISSING_INPUT',
        base === null ? 'the run has no base model' : `${base.message}; ${base.hint}`,
      );
    },
    driver: driverPath,
    tool: (tool) => runTool(runtime, attempt, tool),
    async render(jobs) {
      const { python, workspace } = runtime;
      const kept = renderedFolder(workspace.state);
      const date = await promptDateOf(stored, warn);
      return renderPrompts(jobs, { python, date, env: run.env, kept, keeps: true });
    },
    serve: (options) => serve(runtime, attempt, options),
    absolute: absolutePath,
    hash: (path) => contentHash(path),
    prove: proveModel,
    proveInput,
    addsNothing,
    input: (name, sha256) => {
      notes.inputs[name] = sha256;
    },
    warn,
    progress(progress) {
      const live = runtime.busyRuns.get(run.run);
      if (live !== undefined) live.progress = progress;
      board.progress(progress);
    },
    log: (line) => board.log(line),
    write: (name, text) => writeFile(inDir(name), text),
    append: (name, text) => appendFile(inDir(name), text),
    read: readText,
    suite: (text, file) => suiteOf(Buffer.from(text), file),
    score: scoreOrThrow,
    list: async (folder) => (await readdir(inDir(folder))).sort(),
    remove: (stage, paths) => removeOutputs(stored.folder, stage, { paths, at: now() }),
    shared: (key, work) => makeShared(runtime.workspace.artifacts, key, work),
  };
}

/** Once in each attempt: for the manifest, and so for the row, for the log and the dashboard. */
function warnOf(runtime: Runtime, { event, notes, board }: Attempt, text: string): void {
  if (notes.warnings.includes(text)) return;
  notes.warnings.push(text);
  runtime.log.warn({ run: event.run, stage: event.stage }, text);
  board.log(`warning: ${text}`);
}

/** Runs a tool to its end, alone on the machine if it loads a model. */
async function runTool(runtime: Runtime, attempt: Attempt, tool: Tool): Promise<void> {
  const dir = folderOf(attempt, tool);
  if (tool.loadsModel !== true || (tool.fresh !== true && (await isOver(dir)))) return runToEnd(runtime, attempt, tool);
  const slot = await holdMachine(runtime, attempt, { dir, server: false });
  try {
    await runToEnd(runtime, attempt, tool);
  } finally {
    // A tool that goes on without us keeps the machine.
    if (!isDetaching(runtime.signal)) await slot.release();
  }
}

const folderOf = ({ dir }: Attempt, { name }: Tool): string => (name === undefined ? dir : join(dir, name));

/** A tool that ended in an earlier life of phasebox has only its exit code to be read. */
const isOver = async (dir: string): Promise<boolean> =>
  (await readText(join(dir, 'command.json'))) !== null && !(await isAlive(dir));

/** Runs a tool, or takes up one that this attempt started in an earlier life of phasebox. */
async function runToEnd(runtime: Runtime, attempt: Attempt, tool: Tool): Promise<void> {
  const { stored, event, dir, notes } = attempt;
  if (runtime.signal.aborted) throw new StageError('STOPPED', event.stage);
  const folder = folderOf(attempt, tool);
  const argv = expandWords(tool.argv);
  notes.commands.push(argv);
  const env = { ...toolEnv(stored.run.env), ...tool.env };
  const line = { at: now(), stage: event.stage, attempt: event.attempt };
  if (tool.fresh === true) await clearTool(folder);
  const found = await findTool(folder);
  const running = found ?? (await startTool({ dir: folder, argv, env, cwd: tool.cwd ?? dir }));
  const known = found === null ? none : toolLines(await runtime.runStore.journal(stored), event, argv);
  if (!known.started) await runtime.runStore.append(stored, { event: 'tool_started', ...line, argv });
  watchStrays(folder, running.ended, (text) => tellWait(runtime, attempt, text)).catch((error: unknown) =>
    runtime.log.warn({ err: error, run: event.run }, 'what the tool left running could not be looked up'),
  );
  const code = await watchTool(running, runtime.signal, tool.onLine);
  const live = runtime.busyRuns.get(event.run);
  if (live !== undefined) live.waits = null;
  if (!known.ended) await runtime.runStore.append(stored, { event: 'tool_ended', ...line, at: now(), code });
  if (code === 0) return;
  if (runtime.signal.aborted) throw new StageError('STOPPED', event.stage);
  if (code === null) throw new StageError('TOOL_LOST', `its exit code is unknown: ${argv.join(' ')}`);
  throw diagnose(code, await logTail(running.log, tailLines), runtime.python);
}

const none = { started: false, ended: false };

/** What the journal already has about a tool that an earlier process of `up` started in this attempt. */
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

/**
 * The exit code. What `onLine` throws ends the tool and goes on to the caller. When `up` goes down the tool is ended, or
 * (detach) left alone: then this throws, and the next `up` takes the tool up again in the same folder.
 */
async function watchTool(
  running: RunningTool,
  signal: AbortSignal,
  onLine?: (line: string) => void,
): Promise<number | null> {
  let leave: () => void = () => undefined;
  const left = new Promise<never>((_resolve, reject) => {
    leave = () => {
      if (isDetaching(signal)) reject(new StageError('STOPPED', 'the tool goes on'));
      else void running.stop();
    };
  });
  signal.addEventListener('abort', leave, { once: true });
  // It may have been aborted while the tool was being started.
  if (signal.aborted) leave();
  try {
    const lines = onLine === undefined ? null : followLog(running.log, running.ended, onLine);
    await Promise.race([lines, left]);
    return (await Promise.race([running.ended, left])).code;
  } catch (error) {
    if (isDetaching(signal)) throw error;
    await running.stop();
    await running.ended;
    throw error;
  } finally {
    signal.removeEventListener('abort', leave);
  }
}

/** Ends what an earlier life left running in this folder of its own, and takes away its traces. */
async function clearTool(dir: string): Promise<void> {
  if (await isAlive(dir)) await (await findTool(dir))?.stop();
  await removeInside(dirname(dir), basename(dir));
}

/** A server is never taken over: one left by an earlier life of this attempt is ended first. */
async function serve(
  runtime: Runtime,
  attempt: Attempt,
  options: Parameters<StageContext['serve']>[0],
): ReturnType<StageContext['serve']> {
  const dir = join(attempt.dir, options.name);
  const slot = await holdMachine(runtime, attempt, { dir, server: true });
  try {
    await clearTool(dir);
    await mkdir(dir, { recursive: true });
    const date = await promptDateOf(attempt.stored, (text) => warnOf(runtime, attempt, text));
    const server = await startModelServer({
      python: runtime.python,
      driver: driverPath('serve'),
      model: options.model,
      ...(options.adapter === undefined ? {} : { adapter: options.adapter }),
      dir,
      env: { ...toolEnv(attempt.stored.run.env), [promptDateVariable]: date },
      signal: runtime.signal,
    });
    return { ...server, ask: noted(attempt, options.name, server), close: () => server.close().finally(slot.release) };
  } catch (error) {
    await slot.release();
    throw error;
  }
}

/** Notes the proof for the manifest; `ask` counts the answers that bore the served model's id (others throw). */
function noted({ notes }: Attempt, name: string, { nonce, ask }: RunningServer): RunningServer['ask'] {
  const proof = { name, nonce, model_id: servedModel, answers: 0 };
  notes.servers.push(proof);
  return async (request) => {
    const reply = await ask(request);
    if (reply.error === null) proof.answers += 1;
    return reply;
  };
}
