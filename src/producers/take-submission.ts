import { basename, join, relative } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { inboxName } from '../core/config/inbox-names.ts';
import { replacedTexts } from '../core/run/old-rows.ts';
import type { Answer, Submission, SubmissionResult } from '../events/request.ts';
import { inParallel } from '../io/disk/in-parallel.ts';
import { stateOf } from './accept.ts';
import { keepTogether } from './kept-files.ts';
import { type Attempted, nextScan, type Scan, scanClaimed, scanKept } from './scan.ts';
import type { Prepared } from './submission.ts';

/**
 * Checks all files of a submission, keeps all or none, and accepts them in their order. Once they are kept they are
 * submitted: after a crash or a fault of the disk the next scan accepts them. Throws what the disk throws before that.
 */
export async function takeSubmission(scan: Scan, submission: Submission, artifacts: string): Promise<Answer> {
  const preparations = await scan.prepare(submission);
  const reasons = preparations.flatMap((one) => (one.ok ? [] : [one.reasons]));
  if (reasons.length > 0) return { kind: 'refused', reasons };
  const prepared = preparations.flatMap((one) => (one.ok ? [one.prepared] : []));
  const intentions = await inParallel(prepared, (one) => intention(one, artifacts));
  const kept = await keepTogether(
    scan.intake.claimed,
    prepared.map(({ name, bytes }) => ({ name: inboxName(basename(name)), bytes })),
  );
  const tried = await scanKept(scan);
  const files = prepared.map(({ name, plan, fresh, known }, index): SubmissionResult => {
    const path = kept[index]?.path ?? '';
    return {
      ...{ name, intention: intentions[index] ?? '', warnings: [...plan.warnings], runs: [...fresh, ...known] },
      ...stateAfter(tried.get(path), relative(scan.intake.inbox, path)),
    };
  });
  return { kind: 'submitted', files };
}

/** What a killed `up` had claimed comes before a new submission. */
export async function takeLeftOver(scan: Scan): Promise<void> {
  for (let left = 1; left > 0 && !scan.closed; left = scan.leftOver?.size ?? 0) {
    await scanClaimed(scan);
    if (scan.leftOver !== null && scan.leftOver.size > 0) await delay(nextScan(scan));
  }
}

function stateAfter(attempted: Attempted | undefined, path: string): Pick<SubmissionResult, 'state' | 'path' | 'why'> {
  switch (attempted?.kind) {
    case 'accepted':
      return { state: 'accepted', path: join('accepted', attempted.as), why: null };
    case 'rejected':
      return { state: 'rejected', path: join('rejected', attempted.as), why: attempted.reasons };
    case 'fault':
      return { state: 'waiting', path, why: attempted.why };
    default:
      return { state: 'waiting', path, why: 'a file before it is not accepted yet' };
  }
}

/** `43a.yaml: phase 43a; new: 43a-s1; already known: 43a-s0 (done)`. */
async function intention({ name, plan, known, old, ...of }: Prepared, artifacts: string): Promise<string> {
  const states = await inParallel(known, async (run) => {
    const state = await stateOf(join(artifacts, plan.phase, run));
    return `${run} (${state ?? 'submitted before'})`;
  });
  const fresh = of.fresh.filter((run) => !old.some((row) => row.run === run));
  const parts = [
    ...(fresh.length > 0 ? [`new: ${fresh.join(', ')}`] : []),
    ...replacedTexts(old, []),
    ...(states.length > 0 ? [`already known: ${states.join(', ')}`] : []),
  ];
  return `${name}: phase ${plan.phase}; ${parts.join('; ')}`;
}
