import { files, type RowKeys, rowKeys } from '../../events/stages/mlx.ts';

export interface LookCall {
  readonly model: string;
  /** A file of rows, or a folder with train.jsonl. */
  readonly data: string;
  /** Rows that are text have no prompt, so they are read without a mask. */
  readonly maskPrompt: boolean;
  readonly maxSeqLength: number;
  /** How many rows are shown with what is taught of them, and which ones in any case. */
  readonly rows: number;
  readonly lines: readonly RowAddress[];
  readonly keys: RowKeys;
}

/** A row of a data file. Its line counts from 1. */
export interface RowAddress {
  readonly file: string;
  readonly line: number;
}

/** The same check for data that no config names yet: each row is read once, whatever training would read. */
export function lookArgv(python: string, driver: string, call: LookCall): string[] {
  const { model, data, maskPrompt, maxSeqLength, rows, lines, keys } = call;
  return [
    ...[python, driver, '--model', model, '--data', data, '--out', files.profile],
    ...['--max-seq-length', String(maxSeqLength), '--show', String(rows)],
    ...(maskPrompt ? ['--mask-prompt', '--text-unmasked'] : []),
    ...rowKeys(keys),
    ...lines.flatMap(({ file, line }) => ['--show-line', `${file}:${line}`]),
  ];
}
