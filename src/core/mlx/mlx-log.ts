import { StageError } from '../errors.ts';

/** One message of `mlx_lm lora`. Losses are as printed, NaN and infinity too. Unknown values are null. */
export type LogEvent =
  | { readonly kind: 'total'; readonly of: number }
  | { readonly kind: 'val'; readonly iteration: number; readonly val_loss: number }
  | {
      readonly kind: 'train';
      readonly iteration: number;
      readonly train_loss: number;
      readonly learning_rate: number | null;
      readonly tokens_per_second: number | null;
      readonly trained_tokens: number | null;
      readonly peak_memory_gb: number | null;
    }
  | { readonly kind: 'saved'; readonly iteration: number; readonly file: string };

// biome-ignore lint/suspicious/noControlCharactersInRegex: colours consist of these control characters
const escapes = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-Z\\-_])/g;

/**
 * Text of a log as lines: without colours, also split at \r (progress bars overwrite themselves), without empty ones.
 */
export function plainLines(text: string): string[] {
  return text
    .replace(escapes, '')
    .split(/[\r\n]+/)
    .map((line) => line.trimEnd())
    .filter((line) => line !== '');
}

/** The bars of tqdm and rich, which would flood a log for people. */
export function isProgressBar(line: string): boolean {
  return /\d%\s*(?:\||·)/.test(line);
}

const number = '([-+]?(?:[\\d,]+(?:\\.\\d+)?(?:[eE][-+]?\\d+)?|nan|inf))';
const valOld = new RegExp(`Iter (\\d+): Val loss ${number}`, 'i');
const trainOld = new RegExp(`Iter (\\d+): Train loss ${number}`, 'i');
const savedOld = /Iter (\d+): Saved adapter weights to /;
/** Tried once per word: tried at every digit, a line of 100 KB takes seconds. */
const checkpointFile = /(?<![^\s/])[^\s/]*\d{7}_adapters\.safetensors/;
const totalOld = /Starting training\.\.\., iters: (\d+)/;
const valNew = new RegExp(`^\\s*(\\d+)\\s+val\\s+${number}\\s+[\\d.]+s$`, 'i');
const trainNew = new RegExp(`^\\s*(\\d+)\\s+${number} [▼▲]\\s+${number}\\s+${number}k$`, 'i');
const savedNew = /^\s*save\s+((\d{7,})_adapters\.safetensors)$/;
const totalNew = /batch · iters\s+[\d,]+ · ([\d,]+)/;

/** `1,460`, `4.9`, `nan`, `-inf`. Null if it is missing. */
function toNumber(text: string | undefined): number | null {
  if (text === undefined) return null;
  const plain = text.replaceAll(',', '').toLowerCase();
  if (plain.endsWith('nan')) return Number.NaN;
  if (plain.endsWith('inf')) return plain.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return Number(plain);
}

const after = (line: string, label: string): number | null =>
  toNumber(new RegExp(`${label} ${number}`, 'i').exec(line)?.[1]);

/** mlx_lm <= 0.31: one sentence per line. */
function readSentence(line: string): LogEvent | null {
  const val = valOld.exec(line);
  if (val) return { kind: 'val', iteration: Number(val[1]), val_loss: toNumber(val[2]) ?? Number.NaN };
  const train = trainOld.exec(line);
  if (train) {
    return {
      kind: 'train',
      iteration: Number(train[1]),
      train_loss: toNumber(train[2]) ?? Number.NaN,
      learning_rate: after(line, 'Learning Rate'),
      tokens_per_second: after(line, 'Tokens/sec'),
      trained_tokens: after(line, 'Trained Tokens'),
      peak_memory_gb: after(line, 'Peak mem'),
    };
  }
  const saved = savedOld.exec(line);
  const file = saved === null ? undefined : checkpointFile.exec(line.slice(saved.index + saved[0].length))?.[0];
  if (saved !== null && file !== undefined) return { kind: 'saved', iteration: Number(saved[1]), file };
  const total = totalOld.exec(line);
  return total ? { kind: 'total', of: Number(total[1]) } : null;
}

/** mlx_lm >= 0.32: rows of a table below a panel with the settings. */
function readTableRow(line: string): LogEvent | null {
  const val = valNew.exec(line);
  if (val) return { kind: 'val', iteration: Number(val[1]), val_loss: toNumber(val[2]) ?? Number.NaN };
  const train = trainNew.exec(line);
  if (train) {
    const thousands = toNumber(train[4]);
    return {
      kind: 'train',
      iteration: Number(train[1]),
      train_loss: toNumber(train[2]) ?? Number.NaN,
      learning_rate: null,
      tokens_per_second: toNumber(train[3]),
      trained_tokens: thousands === null ? null : Math.round(thousands * 1000),
      peak_memory_gb: null,
    };
  }
  const saved = savedNew.exec(line);
  if (saved?.[1]) return { kind: 'saved', iteration: Number(saved[2]), file: saved[1] };
  const total = totalNew.exec(line);
  return total ? { kind: 'total', of: toNumber(total[1]) ?? 0 } : null;
}

/** Reads a line of the log in both formats. Null for any line that is not understood. Never throws. */
export function readLogLine(line: string): LogEvent | null {
  const plain = line.replace(escapes, '').trimEnd();
  return readSentence(plain) ?? readTableRow(plain);
}

/** Throws NAN_LOSS at the first loss that is not finite: hours of training would follow, with exit code 0. */
export function refuseNanLoss(event: LogEvent): void {
  const [name, loss] =
    event.kind === 'val' ? ['val', event.val_loss] : event.kind === 'train' ? ['train', event.train_loss] : ['', 0];
  if (Number.isFinite(loss) || !('iteration' in event)) return;
  throw new StageError('NAN_LOSS', `${name} loss is ${loss} at iteration ${event.iteration}`);
}
