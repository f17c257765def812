import { join } from 'node:path';
import {
  findTarget,
  holdOf,
  holdOfStage,
  isOf,
  paused,
  prioritized,
  resumed,
  type Target,
} from '../../core/run/control.ts';
import { attemptDue } from '../../core/run/due.ts';
import { standing } from '../../core/run/next-run.ts';
import type { Outcome, Request } from '../../events/request.ts';
import { endServer } from '../../io/broker/own-server.ts';
import { inParallel } from '../../io/disk/in-parallel.ts';
import { endTools, hasLiveTool } from '../../io/tool/tool-folders.ts';
import { dropRequest, finishRequest, pendingRequests, sweepAnswers } from '../../io/workspace/requests.ts';
import type { Shelved } from '../../io/workspace/shelf.ts';
import { now, type Place } from '../runtime.ts';
import { cancelRun } from './cancel-run.ts';
import { closeAttempt } from './close-attempt.ts';
import { retryRun, returnDependants } from './retry-run.ts';

/** Handles what people asked for, as the owner of the workspace. */
export interface RequestDesk {
  /** Handles all requests that wait, in their order; tells whether there were any. */
  handle(): Promise<boolean>;
}

/**
 * `leave`: how `up` goes down when it is asked to; called after the request is taken away, or the next `up` would leave
 * at once. Null: there is no `up`, so tools that were left behind are ended here.
 */
export function openRequestDesk(place: Place, leave: (() => void) | null): RequestDesk {
  let working: Promise<unknown> = Promise.resolve();
  const handleAll = async (): Promise<boolean> => {
    const requests = await pendingRequests(place.workspace.state);
    if (requests.length === 0) return false;
    await place.shelf.refresh();
    for (const { path, request } of requests) {
      if (request === null) {
        place.log.warn(`${path} is no request of this version: removed`);
        await dropRequest(path);
        continue;
      }
      const outcomes = await outcomesOf(place, request, leave);
      place.log.info({ request, outcomes }, 'request handled');
      await finishRequest(path, outcomes);
      if (request.kind === 'stop') leave?.();
    }
    await sweepAnswers(place.workspace.state);
    return true;
  };
  return {
    handle() {
      const next = working.then(handleAll, handleAll);
      working = next;
      return next;
    },
  };
}

/** What goes wrong is told to whoever asked: a request that cannot be met must not stand in the way of the next. */
async function outcomesOf(place: Place, request: Request, leave: (() => void) | null): Promise<readonly Outcome[]> {
  try {
    if (request.kind !== 'stop') return await meet(place, request);
    return leave === null ? await endLeftTools(place) : [{ about: null, did: 'stopped', detail: null }];
  } catch (error) {
    place.log.error({ err: error, request }, 'a request could not be met');
    const detail = error instanceof Error ? error.message : String(error);
    return [{ about: 'target' in request ? request.target : null, did: 'error', detail }];
  }
}

async function meet(place: Place, request: Exclude<Request, { kind: 'stop' }>): Promise<readonly Outcome[]> {
  const runs = place.shelf.all().map(({ run }) => run);
  const target = request.target === null ? null : findTarget(request.target, runs);
  if (request.target !== null && target === null) return [{ about: request.target, did: 'unknown', detail: null }];
  const own = place.shelf.all().filter(({ run }) => target === null || isOf(run, target));
  switch (request.kind) {
    case 'cancel':
      return cancelAll(place, own);
    case 'retry':
      return retryAll(place, own, request.stage);
    case 'pause':
      return pause(place, target, own);
    case 'resume':
      return resume(place, target, own);
    case 'prioritize':
      return prioritize(place, own);
  }
}

/** Waiting runs first: none of them is to start in the place of one that is ended, nor to fail because its source was. */
async function cancelAll(place: Place, own: readonly Shelved[]): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const standings = await standingsOf(place, own);
  const waits = (shelved: Shelved): number => Number(standings.get(shelved) === 'waiting');
  const order = [...own].sort((a, b) => waits(b) - waits(a) || b.run.number - a.run.number);
  for (const shelved of order) outcomes.push(await cancelRun(place, shelved));
  const names = own.map(({ run }) => run.run);
  return outcomes.sort((a, b) => names.indexOf(a.about ?? '') - names.indexOf(b.about ?? ''));
}

async function retryAll(
  place: Place,
  own: readonly Shelved[],
  stage: Extract<Request, { kind: 'retry' }>['stage'],
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const shelved of own) outcomes.push(await retryRun(place, shelved, stage));
  const back = await returnDependants(place, new Set(own.map(({ run }) => run.run)));
  // One that came back with its source was refused before on its own account.
  return [...outcomes.filter(({ about }) => !back.some((one) => one.about === about)), ...back];
}

async function pause(place: Place, target: Target | null, own: readonly Shelved[]): Promise<Outcome[]> {
  await place.control.set(paused(place.control.now(), target, now()));
  const outcomes: Outcome[] = [{ about: target?.name ?? null, did: 'paused', detail: null }];
  for (const shelved of own) {
    if (place.rows.has(shelved.run.run)) continue;
    const state = await place.shelf.state(shelved);
    const next = attemptDue(state);
    if (next === null || standing(state.journal, false) !== 'started') continue;
    if (holdOfStage(place.control.now(), state, next) === null)
      outcomes.push({ about: shelved.run.run, did: 'finishes', detail: next.stage });
  }
  return outcomes;
}

async function resume(place: Place, target: Target | null, own: readonly Shelved[]): Promise<Outcome[]> {
  const before = place.control.now();
  const runs = place.shelf.all().map(({ run }) => run);
  await place.control.set(resumed(before, target, runs));
  const after = place.control.now();
  const outcomes: Outcome[] = [
    { about: target?.name ?? null, did: after === before ? 'not_paused' : 'resumed', detail: null },
  ];
  if (target === null)
    return [
      ...outcomes,
      ...after.pauses.map(({ name }): Outcome => ({ about: name, did: 'still_paused', detail: name })),
    ];
  const open = own.find(({ run }) => !place.rows.has(run.run) && holdOf(after, run) !== null);
  if (open === undefined) return outcomes;
  const hold = holdOf(after, open.run);
  return [...outcomes, { about: target.name, did: 'still_paused', detail: hold?.target?.name ?? null }];
}

async function prioritize(place: Place, own: readonly Shelved[]): Promise<Outcome[]> {
  const all = place.shelf.all();
  const standings = await standingsOf(place, all);
  const waiting = all.filter((shelved) => standings.get(shelved) === 'waiting');
  const names = new Set(own.filter((shelved) => waiting.includes(shelved)).map(({ run }) => run.run));
  if (names.size === 0) return own.map(({ run }) => ({ about: run.run, did: 'nothing_waits', detail: null }));
  const control = prioritized(
    place.control.now(),
    names,
    waiting.map(({ run }) => run),
  );
  await place.control.set(control);
  return [...names].flatMap((name): Outcome[] => {
    const run = all.find((shelved) => shelved.run.run === name)?.run;
    const hold = run === undefined ? null : holdOf(control, run);
    const still: Outcome = { about: name, did: 'still_paused', detail: hold?.target?.name ?? null };
    return [{ about: name, did: 'prioritized', detail: null }, ...(hold === null ? [] : [still])];
  });
}

async function standingsOf(place: Place, all: readonly Shelved[]): Promise<Map<Shelved, ReturnType<typeof standing>>> {
  const found = await inParallel(all, async (shelved) => {
    const hasRow = place.rows.has(shelved.run.run);
    return [shelved, hasRow ? 'over' : standing(await place.shelf.journal(shelved), hasRow)] as const;
  });
  return new Map(found);
}

/** Ends all that an `up` which is gone left running in this workspace: tools, downloads, its broker. For an owner without workers. */
export async function endLeftTools(place: Place): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const shelved of place.shelf.all()) {
    const { run } = shelved.run;
    if (place.rows.has(run) || !(await hasLiveTool(shelved.folder))) continue;
    const held = await closeAttempt(place, shelved, 'STOPPED');
    outcomes.push({ about: run, did: held.length > 0 ? 'held' : 'stopped', detail: held.join(', ') || null });
  }
  await endTools(join(place.workspace.state, 'downloads'));
  if (await endServer(place.workspace.state)) outcomes.push({ about: null, did: 'broker_stopped', detail: null });
  return outcomes;
}
