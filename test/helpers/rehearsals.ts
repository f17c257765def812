import type { FoundCause, RehearsalResult } from '../../src/events/rehearsal.ts';
import type { JournalLine } from '../../src/events/run.ts';

const gb = 2 ** 30;

/** What a rehearsal of a training that works found; `changed` wins. */
export const rehearsal = (changed: Partial<RehearsalResult> = {}): RehearsalResult => ({
  ...{ verdict: 'fits', peak_bytes: 21 * gb, limit_bytes: 32 * gb, seconds_per_iteration: 3.1 },
  ...{ seconds_per_val_batch: 1, eval_tokens_per_s: 52, error: null },
  ...changed,
});

/** Why a run is held. */
export const cause: FoundCause = {
  ...{ cause: 'out_of_memory', code: 'OUT_OF_MEMORY' },
  ...{ message: 'It needs 40 GB, and the limit is 32 GB.', remedy: 'Use a smaller batch_size.' },
};

/** The line of a journal after a rehearsal. */
export const rehearsedLine = (changed: Partial<RehearsalResult> = {}): JournalLine => ({
  ...{ event: 'rehearsed', at: '2026-01-01T00:00:00.000Z', key: 'k', result: rehearsal(changed) },
});
