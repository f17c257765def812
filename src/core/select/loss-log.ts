/** Progress of python/val_loss.py, counted over all checkpoints. */
export interface LossProgress {
  readonly checkpoint: number;
  /** 1 = the first of `of`. */
  readonly nth: number;
  readonly of: number;
  readonly rows: number;
  readonly ofRows: number;
}

const line = /^checkpoint (\d+) \((\d+) of (\d+)\): (\d+) of (\d+) rows/;

/** Reads `checkpoint 200 (1 of 4): 40 of 123 rows`. Null for any other line. */
export function readLossLine(text: string): LossProgress | null {
  const [, checkpoint, nth, of, rows, ofRows] = (line.exec(text) ?? []).map(Number);
  if (checkpoint === undefined || nth === undefined || of === undefined) return null;
  return rows === undefined || ofRows === undefined ? null : { checkpoint, nth, of, rows, ofRows };
}

/** The progress in rows. */
export const lossSteps = ({ nth, of, rows, ofRows }: LossProgress): { done: number; of: number } => ({
  done: (nth - 1) * ofRows + rows,
  of: of * ofRows,
});
