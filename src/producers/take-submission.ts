import { basename, join, relative } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { inboxName } from '../core/config/inbox-names.ts';
import { messageOf } from '../core/errors.ts';
import { additionText, replacedTexts } from '../core/run/row-words.ts';
import type { RequestAnswer, Submission, SubmissionResult } from '../events/request.ts';
import { inParallel } from '../io/disk/in-parallel.ts';
import { stateOf } from './accept.ts';
import { keepTogether } from './kept-files.ts';
import { type Attempted, nextScan, openScan, type Scan, scanPlaces } from './scan.ts';
import type { Prepared } from './submission.ts';

/**
 * Checks all files of a submission, keeps all or none, and accepts them in their order. Once they are kept they are
 * submitted: after a crash or a disk error the next scan accepts them. Before that, errors of the disk are thrown.
 */
export async function takeSubmission(scan: Scan, submission: Submission, artifacts: string): Promise<RequestAnswer> {
  await openScan(scan);
  const preparations = await scan.prepare(submission);
  const reasons = preparations.flatMap((one) => (one.ok ? [] : [one.reasons]));
  if (reasons.length > 0) return { kind: 'refused', reasons };
  const prepared = preparations.flatMap((one) => (one.ok ? [one.prepared] : []));
  const intentions = await inParallel(prepared, (one) => intention(one, artifacts));
  const kept = await keepTogether(
    scan.intake.claimed,
    prepared.map(({ name, bytes }) => ({ name: inboxName(basename(name)), bytes })),
  );
  const tried = new Map<string, Attempted>();
  const isOpen = (): boolean =>
    kept.some(({ path }) => !tried.has(path)) && !kept.some(({ path }) => tried.get(path)?.kind === 'fault');
  let trouble = 'a file before it is not accepted yet';
  try {
    // Files that a killed `up` had claimed come before them, and may have to settle first.
    for (let wait = 0; isOpen() && !scan.closed; wait = nextScan(scan)) {
      await delay(wait);
      await scanPlaces(scan, ['claimed', 'kept'], ({ path }, attempted) => tried.set(path, attempted));
    }
  } catch (error) {
    // They are submitted anyway: a later scan accepts them.
    trouble = messageOf(error);
  }
  const files = prepared.map(({ name, plan, fresh, known }, index): SubmissionResult => {
    const path = kept[index]?.path ?? '';
    const attempted = tried.get(path);
    const why = attempted?.kind === 'fault' ? attempted.why : trouble;
    return {
      ...{ name, intention: intentions[index] ?? '', warnings: [...plan.warnings], runs: [...fresh, ...known] },
      ...(stateAfter(attempted) ?? { state: 'waiting', path: relative(scan.intake.inbox, path), why }),
    };
  });
  return { kind: 'submitted', files };
}

function stateAfter(attempted: Attempted | undefined): Pick<SubmissionResult, 'state' | 'path' | 'why'> | null {
  switch (attempted?.kind) {
    case 'accepted':
      return { state: 'accepted', path: join('accepted', attempted.as), why: null };
    case 'rejected':
      return { state: 'rejected', path: join('rejected', attempted.as), why: attempted.reasons };
    default:
      return null;
  }
}

/** `43a.yaml: phase 43a, 1 new run (43a-s1). Already known: 43a-s0 (done)`. */
async function intention({ name, plan, known, old, ...of }: Prepared, artifacts: string): Promise<string> {
  const states = await inParallel(known, async (run) => {
    const state = await stateOf(join(artifacts, plan.phase, run));
    return `${run} (${state ?? 'submitted before'})`;
  });
  const fresh = of.fresh.filter((run) => !old.some((row) => row.run === run));
  return `${name}: ${additionText(plan.phase, { fresh, replaced: replacedTexts(old, []), known: states })}`;
}
