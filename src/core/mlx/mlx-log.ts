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
