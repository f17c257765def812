import { StageError } from '../errors.ts';
import { diagnose, errorText } from '../mlx/diagnose.ts';
import { isProgressBar } from '../mlx/mlx-log.ts';

/** python/download.py's exit code for errors that may be transient: the network, a full disk (EX_TEMPFAIL). */
const try_again = 75;

/** `code` is the exit code of python/download.py, or null if it was killed. `tail` is the end of its log. */
export function downloadError(
  code: number | null,
  tail: readonly string[],
  { source, python }: { readonly source: string; readonly python?: string },
): StageError {
  if (code === null) return new StageError('DOWNLOAD_FAILED', `${source}: the download was killed from outside`);
  const cause = diagnose(code, tail, python);
  if (cause.code === 'DISK_FULL' || cause.code === 'ENVIRONMENT') return cause;
  const first = tail.findLastIndex((line) => line.includes(' cannot be fetched: '));
  if (first < 0) {
    const message = errorText(tail.filter((line) => !isProgressBar(line)));
    return new StageError('DOWNLOAD_FAILED', `${source}: ${message ?? `exit code ${code}`}`);
  }
  // The lines before it (warnings, bars) are not the reason.
  return new StageError(code === try_again ? 'DOWNLOAD_FAILED' : 'MISSING_INPUT', tail.slice(first).join(' '));
}
