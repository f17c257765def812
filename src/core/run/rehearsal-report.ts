import * as z from 'zod';
import type { FoundCause, RehearsalResult } from '../../events/rehearsal.ts';
import { catalogue, type ErrorCode } from '../errors.ts';
import { parsedOrNull } from '../json.ts';

const seconds = z.number().nullable();
const bytes = z.number().nullable();

/** What python/rehearse.py prints, as far as it is read here. */
const report = z.object({
  version: z.literal(1),
  verdict: z.enum(['fits', 'tight', 'does_not_fit']).nullable(),
  memory: z.object({ peak_bytes: bytes, limit_bytes: bytes }).nullable(),
  seconds: z.object({ iteration: seconds, validation_batch: seconds }),
  warnings: z.array(z.string()),
  error: z.object({ cause: z.string(), kind: z.string(), message: z.string(), remedy: z.string() }).nullable(),
});

/** A rehearsal that has measured nothing. */
export const nothingMeasured: RehearsalResult = {
  ...{ verdict: null, peak_bytes: null, limit_bytes: null, seconds_per_iteration: null },
  ...{ seconds_per_val_batch: null, eval_tokens_per_s: null, error: null },
};

/** A result of which only a warning is known: the rehearsal itself failed. */
export const failedRehearsal = (why: string): RehearsalResult => ({
  ...nothingMeasured,
  warnings: [`the rehearsal itself failed, so nothing is known of the training: ${why}`],
});

const isCode = (code: string): code is ErrorCode => Object.hasOwn(catalogue, code);

/** Transient errors and a full disk pass without a person, so they hold nothing. */
export function isLasting(code: string): boolean {
  if (!isCode(code)) return true;
  const { retry } = catalogue[code];
  return retry === 'never' || retry === 'once';
}

const unknown = 'unknown';

/** Reads the log of python/rehearse.py: its result is one line. Null if there is none. */
export function readReport(log: string): RehearsalResult | null {
  const line = log.split('\n').findLast((one) => one.startsWith('{"version"'));
  const read = parsedOrNull(report, line ?? null);
  if (read === null) return null;
  const { verdict, memory, error } = read;
  const held = error !== null && error.cause !== unknown && isLasting(error.kind) ? causeOf(error) : null;
  const warnings = [
    ...read.warnings,
    ...(error === null || held !== null ? [] : (failedRehearsal(error.message).warnings ?? [])),
    ...(verdict === 'tight' ? [tight] : []),
  ];
  return {
    ...{ verdict, peak_bytes: memory?.peak_bytes ?? null, limit_bytes: memory?.limit_bytes ?? null },
    ...{ seconds_per_iteration: read.seconds.iteration, seconds_per_val_batch: read.seconds.validation_batch },
    ...{ eval_tokens_per_s: null, error: held, ...(warnings.length === 0 ? {} : { warnings }) },
  };
}

const tight =
  'the training needs more than 90 % of the memory that it may use. Close other programs, or use a smaller batch_size or max_seq_length, or grad_checkpoint: true';

const causeOf = ({ cause, kind, message, remedy }: NonNullable<z.infer<typeof report>['error']>): FoundCause => ({
  ...{ cause, code: kind, message, remedy },
});

/** Adds what the eval server showed. */
export function withEval(result: RehearsalResult, { tokens_per_s, error, warnings }: EvalFindings): RehearsalResult {
  const all = [...(result.warnings ?? []), ...warnings];
  return {
    ...result,
    ...{ eval_tokens_per_s: tokens_per_s, error: result.error ?? error },
    ...(all.length === 0 ? {} : { warnings: all }),
  };
}

/** What the first prompt of the suite showed. */
export interface EvalFindings {
  readonly tokens_per_s: number | null;
  readonly error: FoundCause | null;
  readonly warnings: readonly string[];
}

/** An answer of the eval server: its tokens and how long it took. */
export interface TimedAnswer {
  readonly tokens: number;
  readonly seconds: number;
}

/** Below this, the time of an answer says little about the speed. */
const fewTokens = 4;

/**
 * Tokens per second. Both answers are to the same prompt, the first with one token, so the rest of the second is the time
 * of its tokens. A server that has the prompt in its cache answers the second faster. Null if the answer is too short.
 */
export function tokensPerSecond(first: TimedAnswer, second: TimedAnswer): number | null {
  const more = second.tokens - first.tokens;
  if (more < fewTokens) return null;
  const rest = second.seconds - first.seconds;
  return rest > 0 ? more / rest : second.tokens / Math.max(second.seconds, 1e-3);
}
