import { pause } from '../tool/settled.ts';

/** How long one try may take, and how much longer it may run when `up` stops early. */
export const limit_ms = 30_000;
const leave_ms = 1000;

/** Why a notification was not delivered. */
export interface NotDelivered {
  readonly why: string;
  /** The end of what the command printed. */
  readonly output: string;
  /** Another try cannot help. */
  readonly isFinal: boolean;
}

/** Why a try is stopped now, or null if it has ended on its own. `over` aborts when it has ended. */
export async function limited(over: AbortSignal, leave: AbortSignal): Promise<string | null> {
  // Not a listener on `leave`, which lives as long as `up` and would keep one listener per notification.
  await pause(limit_ms, AbortSignal.any([over, leave]));
  if (leave.aborted) await pause(leave_ms, over);
  if (over.aborted) return null;
  return leave.aborted ? 'it still ran when phasebox stopped' : `it took longer than ${limit_ms / 1000} s`;
}
