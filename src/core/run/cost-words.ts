import type { Cost } from '../../events/cost.ts';

/** Measured on 72 adapters of the demo's models at 2, 3, 4, 5, 6 and 8 bits. "Lost": more than 5 points. */
const measured = {
  /** Below both: 27 models, all of them 4 bits on a 4-bit base. 21 lost, 15 points on average. */
  erased: { step: 0.3, kept: 0.75 },
  /** Below: 135 models, of which 122 lost. */
  noisy: { snr: 1 },
  /** Above: 168 models, of which 150 lost. Of the 264 others, 25 lost. */
  apart: { kl: 0.02 },
} as const;

const widths = [2, 3, 4, 5, 6, 8];

/** One sentence each. They are never a reason to fail a run, since single models differ. */
export function costWarnings(cost: Cost): string[] {
  return [erasure(cost) ?? noise(cost), divergence(cost)].filter((text) => text !== null);
}

function erasure({ bits, step, kept }: Cost): string | null {
  if (step === null || kept === null || step >= measured.erased.step || kept >= measured.erased.kept) return null;
  return `${grid(bits)}, step ${two(step)}, kept ${two(kept)}: the adapter is being erased${advice(bits)}`;
}

function noise({ bits, snr }: Cost): string | null {
  if (snr === null || snr >= measured.noisy.snr) return null;
  return `${grid(bits)}, snr ${two(snr)}: rounding changes the weights more than the adapter does${advice(bits)}`;
}

function divergence({ kl, top1, tokens, answers, answers_of: of }: Cost): string | null {
  if (kl === null || kl <= measured.apart.kl) return null;
  const share = top1 === null ? '' : `, top-1 ${(100 * top1).toFixed(1)} %`;
  const sample = answers === undefined || of === undefined || answers === of ? '' : ` of ${answers} of ${of} answers`;
  const figures = `KL ${kl.toPrecision(2)}${share} on ${tokens} tokens${sample}`;
  return `the final model answers differently from base + adapter, ${figures}; 168 models in phasebox's own measurements had a KL above 0.02, and 150 of them lost more than 5 points`;
}

/** `4 bits on a 4-bit base`: the base has 4 bits and the final model is quantized to 4 bits. */
function grid({ base, final }: Cost['bits']): string {
  const made = final === null ? 'unquantized' : `${final} bits`;
  return `${made} on ${base === null ? 'an unquantized' : `a ${base}-bit`} base`;
}

function advice({ final }: Cost['bits']): string {
  const wider = final === null ? [] : widths.filter((width) => width > final).slice(0, 2);
  return wider.length === 0 ? '' : `; use ${wider.join(' or ')} bits`;
}

const two = (value: number): string => value.toFixed(2);

/** The message in the training, in the eval, in the row and at the top of the page. */
export const idleAdapter = idleText();

/** The same for some of the runs: ` in 2 of 3 runs`. */
export function idleText(where = ''): string {
  return `the adapter changes nothing${where}: what it adds to each layer is zero, so this is the base model`;
}
