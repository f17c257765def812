import type { Lookups, RunDraft } from '../core/config/lookups.ts';
import { messageOf } from '../core/errors.ts';
import { openQueue } from '../core/keyed-lock.ts';
import type { PlannedData } from '../core/plan/planned-data.ts';
import { type CheckCall, completeTrain } from '../events/stages/train.ts';
import { checkTrainingData } from '../io/model/look-at-data.ts';

/** The data check of a planned run, or null if it does not train. */
export type DataCheck = (draft: RunDraft) => Promise<PlannedData | null>;

/**
 * Runs the data check for planned runs, one at a time: each keeps a tokenizer and the rows in memory. Runs with the
 * same data set, model and settings (the seeds of a phase) share a check.
 */
export function dataChecks(python: string, lookups: Lookups): DataCheck {
  const known = new Map<string, Promise<PlannedData>>();
  const queue = openQueue();
  return async (draft) => {
    const call = await callOf(draft, lookups);
    if (call === null || 'reason' in call) return call;
    const key = JSON.stringify(call);
    const before = known.get(key);
    if (before !== undefined) return before;
    const running = queue(() => check(python, call));
    known.set(key, running);
    return running;
  };
}

async function check(python: string, call: CheckCall): Promise<PlannedData> {
  try {
    return { checked: true, report: await checkTrainingData(python, call) };
  } catch (error) {
    return { checked: false, reason: messageOf(error) };
  }
}

/** @returns The check with which the run's training would begin, or null if the run does not train. */
async function callOf(
  draft: RunDraft,
  lookups: Lookups,
): Promise<CheckCall | Extract<PlannedData, { checked: false }> | null> {
  const train = completeTrain(draft);
  if (train === null || draft.data === null || !draft.chain.includes('train')) return null;
  const { folder: data } = draft.data;
  const model = draft.model?.folder ?? null;
  if (model === null) return { checked: false, reason: 'the model is not on this machine' };
  // The warning of the config says why no Python could be asked.
  if ((await lookups.facts()).unchecked !== undefined) return { checked: false, reason: 'no Python with mlx_lm' };
  if ((await lookups.look(data))?.kind !== 'folder')
    return { checked: false, reason: 'the data is not on this machine' };
  return { model, data, settings: train, minRows: draft.min_rows };
}
