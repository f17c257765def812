import { StageError } from '../errors.ts';

/** One message of `mlx_lm lora`. Losses are as printed, NaN and infinity too. Unknown values are null. */
export type LogEvent =
  | { readonly kind: 'total'; readonly of: number }
  | { readonly kind: 'val'; readonly iteration: number; readonly val_loss: number }
  | { readonly kind: 'train'; readonly iteration: number; readonly train_loss: number }
  | { readonly kind: 'saved'; readonly iteration: number };

// biome-ignore lint/suspicious/noControlCharactersInRegex: colours consist of these control characters
const escapes = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-Z\\-_])/g;

/** The lines of a log without colours and empty ones, also split at \r (progress bars overwrite themselves). */
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
const totalOld = /Starting training\.\.\., iters: (\d+)/;
const valNew = new RegExp(`^\\s*(\\d+)\\s+val\\s+${number}\\s+[\\d.]+s$`, 'i');
const trainNew = new RegExp(`^\\s*(\\d+)\\s+${number} [▼▲]\\s+${number}\\s+${number}k$`, 'i');
const savedNew = /^\s*save\s+(\d{7,})_adapters\.safetensors$/;
const totalNew = /batch · iters\s+[\d,]+ · ([\d,]+)/;

/** `1,460`, `4.9`, `nan`, `-inf`. */
function toNumber(text = ''): number {
  const plain = text.replaceAll(',', '').toLowerCase();
  if (plain.endsWith('inf')) return plain.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return Number(plain);
}

/** Reads a line of mlx_lm <= 0.31 (a sentence) or >= 0.32 (a row of a table). Null for any other line. Never throws. */
export function readLogLine(line: string): LogEvent | null {
  const plain = line.replace(escapes, '').trimEnd();
  const val = valOld.exec(plain) ?? valNew.exec(plain);
  if (val) return { kind: 'val', iteration: Number(val[1]), val_loss: toNumber(val[2]) };
  const train = trainOld.exec(plain) ?? trainNew.exec(plain);
  if (train) return { kind: 'train', iteration: Number(train[1]), train_loss: toNumber(train[2]) };
  const saved = savedOld.exec(plain) ?? savedNew.exec(plain);
  if (saved) return { kind: 'saved', iteration: Number(saved[1]) };
  const total = totalOld.exec(plain) ?? totalNew.exec(plain);
  return total ? { kind: 'total', of: toNumber(total[1]) } : null;
}

/** Throws NAN_LOSS at the first loss that is not finite: hours of training would follow, with exit code 0. */
export function refuseNanLoss(event: LogEvent): void {
  const [name, loss] =
    event.kind === 'val' ? ['val', event.val_loss] : event.kind === 'train' ? ['train', event.train_loss] : ['', 0];
  if (Number.isFinite(loss) || !('iteration' in event)) return;
  throw new StageError('NAN_LOSS', `${name} loss is ${loss} at iteration ${event.iteration}`);
}

/** What the log has shown so far. Unknown values are null. */
export interface TrainProgress {
  readonly iteration: number | null;
  readonly of: number | null;
  /** Last train loss. */
  readonly loss: number | null;
  readonly eta_s: number | null;
  readonly val_loss: number | null;
}

interface Point {
  readonly iteration: number;
  readonly at: number;
}

/** Reports closer together than this (ms) come from one read of the log, so they say nothing about speed. */
const oneRead_ms = 250;
const window = 10;

function withPoint(points: readonly Point[], point: Point): readonly Point[] {
  const last = points.at(-1);
  if (last && point.iteration <= last.iteration) return points;
  const kept = last && point.at - last.at < oneRead_ms ? points.slice(0, -1) : points;
  return [...kept, point].slice(-window);
}

/** Seconds that are left at the speed of the last reports, validation included. */
function eta(points: readonly Point[], of: number | null): number | null {
  const [first, last] = [points[0], points.at(-1)];
  if (!first || !last || of === null || last.iteration === first.iteration) return null;
  const msPerIteration = (last.at - first.at) / (last.iteration - first.iteration);
  return Math.max(0, Math.round(((of - last.iteration) * msPerIteration) / 1000));
}

/** Adds up events in order. `of`: planned iterations, if known. `at` (ms): the caller's clock, from any origin. */
export function trainProgress(of: number | null): (event: LogEvent, at: number) => TrainProgress {
  let points: readonly Point[] = [];
  let state: TrainProgress = { iteration: null, of, loss: null, eta_s: null, val_loss: null };
  return (event, at) => {
    if (event.kind === 'total') state = { ...state, of: event.of };
    else {
      points = withPoint(points, { iteration: event.iteration, at });
      const report = points.at(-1)?.iteration ?? event.iteration;
      state = { ...state, iteration: report, eta_s: eta(points, state.of) };
    }
    if (event.kind === 'train') state = { ...state, loss: event.train_loss };
    if (event.kind === 'val') state = { ...state, val_loss: event.val_loss };
    return state;
  };
}
