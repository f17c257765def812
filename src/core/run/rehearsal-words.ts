import type { FoundCause, RehearsalResult } from '../../events/rehearsal.ts';
import { duration } from '../format.ts';

/** Why a run is held, and what to do, in sentences. */
export function heldText({ message, remedy }: Pick<FoundCause, 'message' | 'remedy'>): string {
  const end = /[.!?]$/.test(message) ? '' : '.';
  return `${message}${end} ${remedy}`;
}

const verdicts = { fits: 'fits', tight: 'tight', does_not_fit: 'does not fit' } as const;

const gigabytes = (bytes: number): string => (bytes / 2 ** 30).toFixed(bytes < 9.95 * 2 ** 30 ? 1 : 0);

function memoryText({ verdict, peak_bytes, limit_bytes }: RehearsalResult): string[] {
  if (peak_bytes === null) return verdict === null ? [] : [verdicts[verdict]];
  const limit = limit_bytes === null ? '' : ` of ${gigabytes(limit_bytes)}`;
  const memory = `${gigabytes(peak_bytes)}${limit} GB of memory`;
  return [verdict === null ? memory : `${verdicts[verdict]} (${memory})`];
}

/** `fits (21 of 32 GB of memory), 3.1 s per iteration, 52 tokens per second`, or why the training would fail. */
export function rehearsalText(result: RehearsalResult): string {
  const { error, seconds_per_iteration: iteration, eval_tokens_per_s: tokens } = result;
  if (error !== null) return heldText(error);
  const parts = [
    ...memoryText(result),
    ...(iteration === null ? [] : [`${duration(iteration)} per iteration`]),
    ...(tokens === null ? [] : [`${tokens.toFixed(tokens < 9.95 ? 1 : 0)} tokens per second`]),
  ];
  return parts.length === 0 ? 'no result' : parts.join(', ');
}
