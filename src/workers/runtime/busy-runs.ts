import type { Owner } from './runtime.ts';

/** A busy run: nothing else in this process works on it, and no job for it is emitted. */
export interface BusyRun {
  /** Aborted with `cancel` when a person cancels the run. */
  readonly cancelled: AbortSignal;
  leave(): void;
}

/** Marks a run as busy that is not. `stage` is what is done with it, for display. */
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
