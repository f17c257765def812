const line = /^checkpoint (\d+) \((\d+) of (\d+)\): (\d+) of (\d+) rows/;

/** Reads `checkpoint 200 (1 of 4): 40 of 123 rows`, counted in rows over all checkpoints. Null for any other line. */
export function readLossLine(text: string) {
  const [, checkpoint, nth = 0, of = 0, rows = 0, ofRows = 0] = (line.exec(text) ?? []).map(Number);
  if (checkpoint === undefined) return null;
  return { iteration: (nth - 1) * ofRows + rows, of: of * ofRows, part: `checkpoint ${checkpoint}, ${nth} of ${of}` };
}
