import { completeTrain, type Trained, type TrainSettings } from '../../events/stages/train.ts';
import { StageError } from '../errors.ts';

/** One message of `mlx_lm lora`. Losses are as printed, NaN and infinity too. Unknown values are null. */
export type LogEvent =
  | { readonly kind: 'total'; readonly of: number }
  /** `took_s`: the time of the validation. */
  | { readonly kind: 'val'; readonly iteration: number; readonly val_loss: number; readonly took_s: number }
  | {
      readonly kind: 'train';
      readonly iteration: number;
      readonly train_loss: number;
      /** The speed since the last report, without validations, and all tokens so far. 0 if none was trained on. */
      readonly tokens_per_s: number;
      readonly tokens: number;
    }
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
const valOld = new RegExp(`Iter (\\d+): Val loss ${number}(?:, Val took ${number}s)?`, 'i');
const trainOld = new RegExp(
  `Iter (\\d+): Train loss ${number}(?:.*Tokens/sec ${number}, Trained Tokens ${number}(k?))?`,
  'i',
);
const savedOld = /Iter (\d+): Saved adapter weights to /;
const totalOld = /Starting training\.\.\., iters: (\d+)/;
const valNew = new RegExp(`^\\s*(\\d+)\\s+val\\s+${number}\\s+([\\d.]+)s$`, 'i');
const trainNew = new RegExp(`^\\s*(\\d+)\\s+${number} [▼▲]\\s+${number}\\s+${number}(k)$`, 'i');
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
  if (val) return { kind: 'val', iteration: Number(val[1]), val_loss: toNumber(val[2]), took_s: toNumber(val[3]) };
  const train = trainOld.exec(plain) ?? trainNew.exec(plain);
  if (train) {
    const [, iteration, loss, speed, tokens, unit] = train;
    const counted = toNumber(tokens) * (unit === 'k' ? 1000 : 1);
    const at = { iteration: Number(iteration), train_loss: toNumber(loss) };
    return { kind: 'train', ...at, tokens_per_s: toNumber(speed), tokens: counted };
  }
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

/** The training up to a report: the seconds that its iterations took, by their tokens and speeds. */
interface Point {
  readonly iteration: number;
  readonly tokens: number;
  readonly seconds: number;
}

const start: Point = { iteration: 0, tokens: 0, seconds: 0 };
/** So many reports count, so that the estimate follows a training that becomes slower. */
const window = 10;

/** Adds a report. The log has no times, but the tokens since the last report and their speed. */
function withReport(points: readonly Point[], event: Extract<LogEvent, { kind: 'train' }>): readonly Point[] {
  const last = points.at(-1) ?? start;
  const seconds = (event.tokens - last.tokens) / event.tokens_per_s;
  if (event.iteration <= last.iteration || !Number.isFinite(seconds) || seconds < 0) return points;
  const { iteration, tokens } = event;
  return [...points, { iteration, tokens, seconds: last.seconds + seconds }].slice(-window - 1);
}

/** How a training is planned, as far as known. A validation follows every `steps_per_eval` and the last iteration. */
export interface TrainPlan {
  readonly iters: number | null;
  readonly steps_per_eval: number | null;
}

/** The plan of a run's training. */
export function trainPlan(run: Trained<TrainSettings>): TrainPlan {
  const settings = completeTrain(run);
  return { iters: settings?.iters ?? null, steps_per_eval: settings?.steps_per_eval ?? null };
}

const validations = (upTo: number, every: number): number => Math.floor(upTo / every);

/** Seconds that are left, by the slope of the last reports, with the validations that are still to come. */
function eta(points: readonly Point[], plan: TrainPlan, validated: readonly number[]): number | null {
  const [first, last] = [points[0], points.at(-1)];
  if (plan.iters === null || !first || !last || last.iteration === first.iteration) return null;
  const perIteration = (last.seconds - first.seconds) / (last.iteration - first.iteration);
  const every = plan.steps_per_eval ?? Number.POSITIVE_INFINITY;
  const coming =
    validations(plan.iters, every) - validations(last.iteration, every) + (plan.iters % every === 0 ? 0 : 1);
  const each = validated.reduce((sum, seconds) => sum + seconds, 0) / Math.max(1, validated.length);
  const left = Math.max(0, plan.iters - last.iteration);
  return left === 0 ? 0 : Math.round(left * perIteration + coming * each);
}

/** Adds up events in order. Only what the log says counts, so that a log that is read again gives the same. */
export function trainProgress(plan: TrainPlan): (event: LogEvent) => TrainProgress {
  let points: readonly Point[] = [start];
  let validated: readonly number[] = [];
  let state: TrainProgress = { iteration: null, of: plan.iters, loss: null, eta_s: null, val_loss: null };
  return (event) => {
    if (event.kind === 'total') state = { ...state, of: event.of };
    else state = { ...state, iteration: Math.max(state.iteration ?? 0, event.iteration) };
    if (event.kind === 'train') {
      points = withReport(points, event);
      state = { ...state, loss: event.train_loss };
    }
    if (event.kind === 'val') {
      validated = [...validated, Number.isFinite(event.took_s) ? event.took_s : 0].slice(-window);
      state = { ...state, val_loss: event.val_loss };
    }
    state = { ...state, eta_s: eta(points, { ...plan, iters: state.of }, validated) };
    return state;
  };
}
