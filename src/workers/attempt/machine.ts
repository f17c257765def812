import { acquireMachine, type MachineSlot } from '../../io/claim/machine-slot.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { Attempt } from './attempt.ts';

/** One tool of an attempt that needs the machine. */
export interface Asker {
  /** The tool's folder, absolute. */
  readonly dir: string;
  readonly server: boolean;
}

/** Waits until no other model-loading tool of this user runs on the machine, and reports what it waits for. */
export function holdMachine(runtime: Runtime, attempt: Attempt, { dir, server }: Asker): Promise<MachineSlot> {
  const { run, stage } = attempt.event;
  const claim = { dir, server, what: `${stage} of ${run}`, workspace: runtime.workspace.root };
  return waiting(runtime, attempt, (onWait) => acquireMachine(claim, { signal: runtime.signal, onWait }));
}

/** Shows what an attempt waits for: on terminal, board and log. */
export function tellWait(runtime: Runtime, { stored, event, board }: Attempt, text: string): void {
  const live = runtime.busyRuns.get(event.run);
  if (live !== undefined) live.waits = text;
  board.log(text);
  runtime.log.info({ run: event.run, stage: event.stage, attempt: event.attempt }, text);
  runtime.notice({ kind: 'waits', stored, stage: event.stage, text });
}

/** Waits for something outside, shown on terminal, board and log. The time does not count as the stage's. */
export async function waiting<T>(
  runtime: Runtime,
  attempt: Attempt,
  wait: (onWait: (text: string) => void) => Promise<T>,
): Promise<T> {
  const live = runtime.busyRuns.get(attempt.event.run);
  const since = performance.now();
  try {
    return await wait((text) => tellWait(runtime, attempt, text));
  } finally {
    if (live !== undefined && live.waits !== null) {
      const waited = performance.now() - since;
      live.waits = null;
      live.since += waited;
      attempt.notes.waited_ms += waited;
    }
  }
}
