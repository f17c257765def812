import { join } from 'node:path';
import { messageOf } from '../../core/errors.ts';
import {
  findTarget,
  isOf,
  paused,
  pauseOf,
  pauseOfStage,
  prioritized,
  resumed,
  type Target,
} from '../../core/run/control.ts';
import { attemptDue, standing } from '../../core/run/due.ts';
import type { ControlRequest, Outcome } from '../../events/request.ts';
import type { StageName } from '../../events/stages.ts';
import type { StoredRun } from '../../io/artifacts/run-store.ts';
import { endServer } from '../../io/broker/own-server.ts';
import { inParallel } from '../../io/disk/in-parallel.ts';
import { endTools, hasLiveTool } from '../../io/tool/tool-folders.ts';
import { leftRequests } from '../../io/workspace/state-files.ts';
import { closeAttempt } from '../attempt/failure.ts';
import { endRehearsals } from '../rehearsal/rehearse.ts';
import { now, type Owner } from '../runtime/runtime.ts';
import { cancelRun } from './cancel-run.ts';
import { forgetPhase, restorePhase } from './forget-phase.ts';
import { pauseNow } from './pause-now.ts';
import { retryRun, returnDependants } from './retry-run.ts';

type Leave = (() => void) | null;

/**
 * Handles a command's request, as the owner of the workspace. `leave` is how `up` stops on request. If it is null there
 * is no `up`, so tools that were left are stopped here. Errors are results for the command to report.
 */
export async function handleRequest(owner: Owner, request: ControlRequest, leave: Leave): Promise<readonly Outcome[]> {
  const outcomes = await outcomesOf(owner, request, leave);
  owner.log.info({ request, outcomes }, 'request handled');
  return outcomes;
}

/** Requests that an earlier version left as files. None is about this `up`, so it is not stopped. */
export async function handleLeft(owner: Owner): Promise<void> {
  const { requests, unknown, remove } = await leftRequests(owner.workspace.state);
  for (const name of unknown) owner.log.warn(`${name} is not a request of this version: removed`);
  for (const request of requests) if (request.kind !== 'stop') await handleRequest(owner, request, null);
  await remove();
}

async function outcomesOf(owner: Owner, request: ControlRequest, leave: Leave): Promise<readonly Outcome[]> {
  try {
    await owner.runStore.refresh();
    if (request.kind === 'forget') return [await (request.undo ? restorePhase : forgetPhase)(owner, request.target)];
    if (request.kind !== 'stop') return await meet(owner, request);
    if (leave === null) return await endLeftTools(owner);
    leave();
    return [{ about: null, did: 'stopped', detail: null }];
  } catch (error) {
    owner.log.error({ err: error, request }, 'a request failed');
    const detail = messageOf(error);
    return [{ about: 'target' in request ? request.target : null, did: 'error', detail }];
  }
}

async function meet(
  owner: Owner,
  request: Exclude<ControlRequest, { kind: 'stop' | 'forget' }>,
): Promise<readonly Outcome[]> {
  const runs = owner.runStore.all().map(({ run }) => run);
  const target = request.target === null ? null : findTarget(request.target, runs);
  if (request.target !== null && target === null) return [{ about: request.target, did: 'unknown', detail: null }];
  const own = owner.runStore.all().filter(({ run }) => target === null || isOf(run, target));
  switch (request.kind) {
    case 'cancel':
      return cancelAll(owner, own);
    case 'retry':
      return retryAll(owner, own, request.stage);
    case 'pause':
      return pause(owner, own, { target, isNow: request.now === true });
    case 'resume':
      return resume(owner, target, own);
    case 'prioritize':
      return prioritize(owner, own);
  }
}

/** Queued runs first: none of them may start in place of a stopped one, or fail because its source was stopped. */
async function cancelAll(owner: Owner, own: readonly StoredRun[]): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const standings = await standingsOf(owner, own);
  const waits = (stored: StoredRun): number => Number(standings.get(stored) === 'waiting');
  const order = [...own].sort((a, b) => waits(b) - waits(a) || b.run.number - a.run.number);
  for (const stored of order) outcomes.push(await cancelRun(owner, stored));
  const names = own.map(({ run }) => run.run);
  return outcomes.sort((a, b) => names.indexOf(a.about ?? '') - names.indexOf(b.about ?? ''));
}

async function retryAll(owner: Owner, own: readonly StoredRun[], stage: StageName | null): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const stored of own) outcomes.push(await retryRun(owner, stored, stage));
  const back = await returnDependants(owner, new Set(own.map(({ run }) => run.run)));
  // A run that returned with its source had been refused on its own before.
  return [...outcomes.filter(({ about }) => !back.some((one) => one.about === about)), ...back];
}

async function pause(
  owner: Owner,
  own: readonly StoredRun[],
  { target, isNow }: { readonly target: Target | null; readonly isNow: boolean },
): Promise<Outcome[]> {
  await owner.control.set(paused(owner.control.now(), target, now()));
  const outcomes: Outcome[] = [{ about: target?.name ?? null, did: 'paused', detail: null }];
  for (const stored of own) {
    if (owner.rows.has(stored.run.run)) continue;
    if (isNow) {
      const outcome = await pauseNow(owner, stored);
      if (outcome !== null) outcomes.push(outcome);
      continue;
    }
    const state = await owner.runStore.state(stored);
    const next = attemptDue(state);
    if (next === null || standing(state.journal, false) !== 'started') continue;
    if (pauseOfStage(owner.control.now(), state, next) === null)
      outcomes.push({ about: stored.run.run, did: 'finishes', detail: next.stage });
  }
  return outcomes;
}

async function resume(owner: Owner, target: Target | null, own: readonly StoredRun[]): Promise<Outcome[]> {
  const before = owner.control.now();
  const runs = owner.runStore.all().map(({ run }) => run);
  await owner.control.set(resumed(before, target, runs));
  const after = owner.control.now();
  const did = after === before ? 'not_paused' : 'resumed';
  const outcomes: Outcome[] = [{ about: target?.name ?? null, did, detail: null }];
  const still = after.pauses.map(({ name }): Outcome => ({ about: name, did: 'still_paused', detail: name }));
  if (target === null) return [...outcomes, ...still];
  const open = own.find(({ run }) => !owner.rows.has(run.run) && pauseOf(after, run) !== null);
  if (open === undefined) return outcomes;
  const found = pauseOf(after, open.run);
  return [...outcomes, { about: target.name, did: 'still_paused', detail: found?.target?.name ?? null }];
}

async function prioritize(owner: Owner, own: readonly StoredRun[]): Promise<Outcome[]> {
  const all = owner.runStore.all();
  const standings = await standingsOf(owner, all);
  const waiting = all.filter((stored) => standings.get(stored) === 'waiting');
  const names = new Set(own.filter((stored) => waiting.includes(stored)).map(({ run }) => run.run));
  if (names.size === 0) return own.map(({ run }) => ({ about: run.run, did: 'nothing_waits', detail: null }));
  const queued = waiting.map(({ run }) => run);
  const control = prioritized(owner.control.now(), names, queued);
  await owner.control.set(control);
  return [...names].flatMap((name): Outcome[] => {
    const run = all.find((stored) => stored.run.run === name)?.run;
    const found = run === undefined ? null : pauseOf(control, run);
    const still: Outcome = { about: name, did: 'still_paused', detail: found?.target?.name ?? null };
    return [{ about: name, did: 'prioritized', detail: null }, ...(found === null ? [] : [still])];
  });
}

async function standingsOf(owner: Owner, all: readonly StoredRun[]) {
  const found = await inParallel(all, async (stored) => {
    const hasRow = owner.rows.has(stored.run.run);
    return [stored, hasRow ? 'over' : standing(await owner.runStore.journal(stored), hasRow)] as const;
  });
  return new Map(found);
}

/** Stops what an earlier `up` left running: tools, downloads, its broker. For an owner without workers. */
export async function endLeftTools(owner: Owner): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const stored of owner.runStore.all()) {
    const { run } = stored.run;
    if (owner.rows.has(run) || !(await hasLiveTool(stored.folder))) continue;
    const unverified = await closeAttempt(owner, stored, 'STOPPED');
    if (unverified.length > 0) outcomes.push({ about: run, did: 'held', detail: unverified.join(', ') });
    else outcomes.push({ about: run, did: 'stopped', detail: null });
  }
  await endTools(join(owner.workspace.state, 'downloads'));
  await endRehearsals(owner.workspace);
  if (await endServer(owner.workspace.state)) outcomes.push({ about: null, did: 'broker_stopped', detail: null });
  return outcomes;
}
