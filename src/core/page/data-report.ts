import type { CheckReport, ShownRow, SplitFile } from '../../events/data-report.ts';
import { count } from '../format.ts';
import { plural } from '../words.ts';

/** The result of `phasebox data`, for the terminal, the page and `--json`. */
export interface DataReport {
  /** Absolute path of the file or the folder. */
  readonly data: string;
  /** Name of the file that is counted. For a folder it is train.jsonl. */
  readonly file: string;
  readonly model: string;
  readonly maskPrompt: boolean;
  readonly maxSeqLength: number;
  readonly before: CheckReport;
  readonly split: SplitResult | null;
}

/** The split data: where it is, what was done to each file, and what it teaches. */
export interface SplitResult {
  readonly folder: string;
  readonly files: readonly SplitFile[];
  readonly after: CheckReport;
}

/** A piece of a row: `context` is read, `taught` is what the loss is taken over, `cut` is beyond max_seq_length. */
export interface MarkedPiece {
  readonly mark: 'context' | 'taught' | 'cut';
  readonly text: string;
}

/** If untaught text follows a taught piece, it was cut off: nothing else can end a row. */
export function markedPieces({ pieces }: ShownRow): MarkedPiece[] {
  const first = pieces.findIndex(({ taught }) => taught);
  return pieces.map(({ text, taught }, index) => ({
    mark: taught
      ? 'taught'
      : first !== -1 && index > first && pieces.slice(index).every((one) => !one.taught)
        ? 'cut'
        : 'context',
    text,
  }));
}

/** `with mask_prompt, max_seq_length 2048` */
export const settingsText = ({ maskPrompt, maxSeqLength }: DataReport): string =>
  `${maskPrompt ? 'with' : 'without'} mask_prompt, max_seq_length ${maxSeqLength}`;

/** The report that decides: the one of the split data, if a split was requested. */
export const lastReport = ({ before, split }: DataReport): CheckReport => split?.after ?? before;

/** What a training would do with this data. */
export function conclusion({ stops, warnings }: CheckReport): string {
  const doubts = warnings.length === 0 ? '' : `, with ${plural(warnings.length, 'warning')}`;
  return stops.length === 0
    ? `A training on this data would start${doubts}.`
    : 'A training on this data would be stopped.';
}

/** What `--split` did, in sentences. */
export function splitText({ before, split }: DataReport): string[] {
  if (split === null) return [];
  const lines = split.files.flatMap((file) => [writtenText(file), ...file.left_out]);
  const [was, is] = [before.profile?.tokens?.train ?? 0, split.after.profile?.tokens?.train ?? 0];
  const longer = was > 0 && is > 0 ? [`The split data has ${(is / was).toFixed(1)} times as many tokens to read.`] : [];
  return [...lines, ...longer];
}

const writtenText = ({ name, copied, rows }: SplitFile): string =>
  copied
    ? `${name}: copied unchanged, since its rows are not chat`
    : `${name}: ${count(rows.before)} rows became ${count(rows.after)}, one for each assistant turn`;
