import type { FoundCause, RehearsalResult } from '../../events/rehearsal.ts';
import { duration, sizeText } from '../format.ts';

/** Why a run is held, and what to do, in sentences. */
export function heldText({ message, remedy }: Pick<FoundCause, 'message' | 'remedy'>): string {
  const end = /[.!?]$/.test(message) ? '' : '.';
  return `${message}${end} ${remedy}`;
}

/** How a rehearsal is called while it has the machine. */
export const rehearsalName = (run: string): string => `rehearsal of ${run}`;

const verdicts = { fits: 'fits', tight: 'tight', does_not_fit: 'does not fit' } as const;

/** Iterations of tiny models take milliseconds. */
const iterationText = (seconds: number): string =>
  seconds < 0.1 ? `${Math.ceil(1000 * seconds)} ms` : duration(seconds);

function memoryText({ verdict, peak_bytes, limit_bytes }: RehearsalResult): string[] {
  if (peak_bytes === null) return verdict === null ? [] : [verdicts[verdict]];
  const limit = limit_bytes === null ? '' : ` of ${sizeText(limit_bytes)}`;
  const memory = `${sizeText(peak_bytes)}${limit}`;
  return [verdict === null ? `memory ${memory}` : `${verdicts[verdict]} (${memory})`];
}

/** `fits (21 GB of 32 GB), 3.1 s per iteration, 52 tokens per second`, or why the training would fail. */
export function rehearsalText(result: RehearsalResult): string {
  const { error, seconds_per_iteration: iteration, eval_tokens_per_s: tokens } = result;
  if (error !== null) return heldText(error);
  const parts = [
    ...memoryText(result),
    ...(iteration === null ? [] : [`${iterationText(iteration)} per iteration`]),
    ...(tokens === null ? [] : [`${tokens.toFixed(tokens < 9.95 ? 1 : 0)} tokens per second`]),
  ];
  return parts.length === 0 ? 'no result' : parts.join(', ');
}
