import { lstat, mkdir } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { asStageError, DamagedFile, StageError } from '../../core/errors.ts';
import { pauseOfStage } from '../../core/run/control.ts';
import { configText } from '../../core/run/custody.ts';
import { type Due, due, isStarted, type RunState } from '../../core/run/due.ts';
import { type StageEvent, stageEvent } from '../../events/events.ts';
import type { Manifest } from '../../events/run.ts';
import { attemptFolder, type Made, type StageName, stageFolder, stages } from '../../events/stages.ts';
import { commit, finishCommit, hashOutputs } from '../../io/artifacts/commit.ts';
import type { StoredRun } from '../../io/artifacts/run-store.ts';
import { type Delivery, PutBack } from '../../io/broker/consumer.ts';
import { hasCode, ifAbsent, ifThere, isOddFile } from '../../io/disk/files.ts';
import { textHash } from '../../io/disk/hash.ts';
import { oddEntry } from '../../io/disk/odd-entry.ts';
import { ifDamaged } from '../../io/disk/own-file.ts';
import { watchPeak } from '../../io/host/disk-usage.ts';
import { hostFacts } from '../../io/host/process-facts.ts';
import { findBaseModel } from '../../io/model/models.ts';
import { endTools } from '../../io/tool/tool-folders.ts';
import { ownFifos } from '../../io/tool/tool-process.ts';
import { isDetaching, markBusy, now, type Runtime } from '../runtime/runtime.ts';
import type { Stage } from '../stages/stage.ts';
import { type Attempt, openNotes, workedSoFar } from './attempt.ts';
import { carriedFiles, carryOver } from './carry-over.ts';
import { recordFailure } from './failure.ts';
import { readInputs } from './inputs.ts';
import { reserve } from './reserve.ts';
import { stageContext } from './stage-context.ts';

/** The steps of every stage: is it due? -> inputs -> disk -> work -> verify -> commit -> next event. */
export async function runStage(runtime: Runtime, stage: Stage, delivery: Delivery): Promise<unknown> {
  const event = stageEvent.parse(delivery.data);
  const stored = runtime.runStore.get(event.run);
  if (stored === undefined) return 'no such run on the disk';
  if (runtime.busyRuns.has(event.run)) return 'already busy';
  const hand = markBusy(runtime, event);
  // Everything that works for this run stops when `up` stops and when the run is cancelled or paused at once.
  const own: Runtime = { ...runtime, signal: AbortSignal.any([runtime.signal, hand.cancelled]) };
  let outcome: AttemptEnd;
  const isGone = (): boolean => runtime.runStore.get(event.run) === undefined;
  try {
    const instead = await dueInstead(runtime, stored, event);
    if (instead !== null) return instead;
    outcome =
      (await finishAttempt(own, stored, event)) ??
      (await attemptStage(own, stage, { stored, event, board: delivery.board }));
  } catch (error) {
    // Its folder was deleted, so a failure cannot be written anywhere.
    if (isGone()) return 'the folder of the run is gone';
    throw error;
  } finally {
    hand.leave();
  }
  if (isGone() || outcome.kind === 'gone') return 'the folder of the run is gone';
  // Only now: the next worker may take the event before this function returns, and must not find the run busy.
  if (!runtime.signal.aborted) await emitDue(runtime, stored);
  // The job waits for the next `up`, since the tool continues without this one.
  if (outcome.kind === 'detached') throw new PutBack();
  if (outcome.kind === 'failed') throw outcome.shown;
  return `done in ${outcome.seconds.toFixed(1)} s`;
}

type AttemptEnd =
  | { readonly kind: 'committed'; readonly seconds: number }
  | { readonly kind: 'failed'; readonly shown: Error }
  | { readonly kind: 'detached' }
  | { readonly kind: 'gone' };

/** The first check: the disk decides what is due, whatever the queue delivered. Null if it is exactly this. */
async function dueInstead(runtime: Runtime, stored: StoredRun, event: StageEvent): Promise<string | null> {
  const state = await runtime.runStore.state(stored);
  if (!isStarted(state.journal)) return 'the run is not admitted';
  const next = due(state, runtime.rows.has(event.run));
  if (next === null) return 'the run has its row';
  const same = next.event.stage === event.stage && next.event.attempt === event.attempt;
  if (same && isPaused(runtime, state, next)) return 'paused';
  if (same && runtime.clock.remaining(next) === 0) return null;
  if (!same) await runtime.bus.emit(next);
  return `due is ${next.event.stage}, attempt ${next.event.attempt}`;
}

/** An attempt that a crash interrupted in its commit only has to finish that. Null if there is more to do. */
async function finishAttempt(runtime: Runtime, stored: StoredRun, event: StageEvent): Promise<AttemptEnd | null> {
  const dir = join(stored.folder, attemptFolder(event.stage, event.attempt));
  const manifest = await finishCommit(dir, join(stored.folder, stageFolder(event.stage)));
  return manifest === null ? null : tellCommitted(runtime, { stored, event }, manifest.seconds);
}

async function attemptStage(
  runtime: Runtime,
  stage: Stage,
  given: Pick<Attempt, 'stored' | 'event' | 'board'>,
): Promise<AttemptEnd> {
  const { stored, event } = given;
  // Not emptied: its content belongs to a tool of this attempt from before a crash, which continues.
  const dir = join(stored.folder, attemptFolder(event.stage, event.attempt));
  // Not recursive: the folder of a deleted run must not reappear without its plan.
  await mkdir(dir).catch(ifThere(undefined));
  const from = await carryOver(stored.folder, event.stage, event.attempt);
  if (from !== null) given.board.log(`resumes with what attempt ${from} left`);
  const notes = openNotes();
  const attempt: Attempt = { ...given, dir, notes };
  const { began, worked } = await takeOver(runtime, attempt);
  const since = performance.now();
  const seconds = (): number => worked + Math.max(0, performance.now() - since - notes.waited_ms) / 1000;
  const peak = watchPeak(dir);
  runtime.notice({ kind: 'stage', stored, stage: event.stage, attempt: event.attempt });
  try {
    await refuseOdd(dir, event.stage);
    const made = await work(runtime, stage, attempt);
    const facts = { made, began, seconds: seconds(), peak_bytes: Math.max(await peak.stop(), notes.peak_bytes) };
    const manifest = await describe(runtime, attempt, facts);
    if (interruption(runtime.signal, event.stage)?.code === 'CANCELLED') throw new StageError('CANCELLED', event.stage);
    await commit(dir, join(stored.folder, stageFolder(event.stage)), manifest);
  } catch (error) {
    await peak.stop();
    if (isDetaching(runtime.signal)) return { kind: 'detached' };
    // It was deleted or renamed a moment ago, so a failure cannot be written anywhere.
    if ((await lstat(stored.folder).catch(ifAbsent(null))) === null) return { kind: 'gone' };
    const why = interruption(runtime.signal, event.stage) ?? failureOf(error, dir);
    const shown = await recordFailure(runtime, attempt, { error: why, seconds: seconds() });
    return { kind: 'failed', shown };
  }
  return tellCommitted(runtime, attempt, seconds());
}

/** What a person has asked for this run, or null. */
function interruption({ aborted, reason }: AbortSignal, stage: StageName): StageError | null {
  if (!aborted || (reason !== 'cancel' && reason !== 'pause')) return null;
  return new StageError(reason === 'cancel' ? 'CANCELLED' : 'PAUSED', stage);
}

/** Foreign entries in an attempt's folder must not block the tools that open them. */
async function refuseOdd(dir: string, stage: StageName): Promise<void> {
  const odd = await oddEntry(dir, { fifos: ownFifos, files: carriedFiles(stage) });
  if (odd === null) return;
  await endTools(dir).catch(ifDamaged(undefined));
  throw new StageError('OUTPUT_DAMAGED', `${odd} is not a regular file`);
}

/** Damaged or deleted files of the attempt itself are made again by the next one, in a new folder. */
function failureOf(error: unknown, dir: string): StageError {
  const isOwn = (path: unknown): boolean => `${path}${sep}`.startsWith(`${dir}${sep}`);
  if (error instanceof DamagedFile && isOwn(error.path))
    return new StageError('OUTPUT_DAMAGED', `${error.path}: ${error.reason}`, { cause: error });
  if (error instanceof Error && 'path' in error) {
    if (isOwn(error.path) && (isOddFile(error) || hasCode(error, 'ENOENT', 'ENOTDIR')))
      return new StageError('OUTPUT_DAMAGED', error.message, { cause: error });
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return new StageError('MISSING_INPUT', error.message, { cause: error });
  }
  return asStageError(error);
}

async function tellCommitted(
  runtime: Runtime,
  { stored, event }: Pick<Attempt, 'stored' | 'event'>,
  seconds: number,
): Promise<AttemptEnd> {
  const { run, stage, attempt } = event;
  await runtime.runStore.append(stored, { event: 'committed', at: now(), stage, attempt, seconds });
  runtime.notice({ kind: 'committed', stored, stage, seconds });
  runtime.log.info({ run, stage, attempt, seconds }, 'committed');
  return { kind: 'committed', seconds };
}

/** When this attempt began (ms since 1970), and the seconds that it worked under processes of `up` that have ended. */
async function takeOver(runtime: Runtime, { stored, event, dir }: Attempt): Promise<{ began: number; worked: number }> {
  const { stage, attempt } = event;
  const journal = await runtime.runStore.journal(stored);
  const worked = await workedSoFar(journal, event, dir);
  const live = runtime.busyRuns.get(event.run);
  if (worked === null) return { began: Date.now(), worked: 0 };
  await runtime.runStore.append(stored, { event: 'resumed', at: now(), stage, attempt, seconds: worked });
  if (live !== undefined) live.since = Date.now() - worked * 1000;
  const begun = journal.find((line) => line.event === 'reserved' && line.stage === stage && line.attempt === attempt);
  return { began: begun === undefined ? Date.now() : Date.parse(begun.at), worked };
}

async function work(runtime: Runtime, stage: Stage, attempt: Attempt): Promise<Made<StageName>> {
  const { stored, event } = attempt;
  const inputs = await readInputs(runtime, stage, stored);
  const base = await findBaseModel(stored.run, await runtime.runStore.journal(stored), runtime.workspace.root);
  attempt.notes.estimated_bytes = await reserve(runtime, attempt, base);
  const context = stageContext(runtime, attempt, base);
  const made = await stage.run(inputs, context);
  await stage.verify?.(made, context);
  await runtime.runStore.append(stored, { event: 'verified', at: now(), stage: event.stage, attempt: event.attempt });
  return stages[event.stage].makes.parse(made);
}

async function describe(
  runtime: Runtime,
  { stored, event, dir, notes }: Attempt,
  facts: { made: Made<StageName>; began: number; seconds: number; peak_bytes: number },
): Promise<Manifest> {
  return {
    version: 1,
    run: event.run,
    stage: event.stage,
    attempt: event.attempt,
    inputs: notes.inputs,
    outputs: await hashOutputs(dir),
    commands: notes.commands,
    versions: { ...runtime.versions },
    host: hostFacts(),
    servers: notes.servers,
    config_sha256: textHash(configText(stored.run)),
    started: new Date(facts.began).toISOString(),
    ended: now(),
    seconds: facts.seconds,
    peak_bytes: facts.peak_bytes,
    estimated_bytes: notes.estimated_bytes,
    warnings: notes.warnings,
    made: facts.made,
    removed: null,
  };
}

/** Whether a pause keeps what is due from beginning. A row is always written. */
export const isPaused = ({ control }: Pick<Runtime, 'control'>, state: RunState, { event }: Due): boolean =>
  event.stage !== 'results' && pauseOfStage(control.now(), state, event) !== null;

/** Emits what the disk says is due for a run now. For a paused run it is emitted when it is resumed. */
export async function emitDue(runtime: Runtime, stored: StoredRun): Promise<Due | null> {
  const state = await runtime.runStore.state(stored);
  const next = due(state, runtime.rows.has(stored.run.run));
  if (next !== null && !isPaused(runtime, state, next)) await runtime.bus.emit(next);
  return next;
}
