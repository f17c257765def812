import type { Owner } from './runtime.ts';

/** A run that is in hand: nobody else of this process works on it, and no job of it is emitted. */
export interface BusyRun {
  /** Aborted with `cancel` when a person cancels the run. */
  readonly cancelled: AbortSignal;
  leave(): void;
}

/** Takes a run in hand that nobody has. `stage`: what is done with it, as it is shown. */
export function markBusy(
  { busyRuns }: Pick<Owner, 'busyRuns'>,
  { run, stage, attempt }: { readonly run: string; readonly stage: string; readonly attempt: number },
): BusyRun {
  const cancel = new AbortController();
  let settle: () => void = () => undefined;
  const over = new Promise<void>((resolve) => {
    settle = resolve;
  });
  busyRuns.set(run, { stage, attempt, since: Date.now(), cancel, over, progress: null, waits: null });
  const leave = (): void => {
    busyRuns.delete(run);
    settle();
  };
  return { cancelled: cancel.signal, leave };
}
