import { StageError } from '../errors.ts';
import { diagnose, errorText } from '../mlx/diagnose.ts';
import { isProgressBar } from '../mlx/mlx-log.ts';

/** python/download.py's exit code for what may be better later: the network, a full disk (sysexits.h, EX_TEMPFAIL). */
const try_again = 75;

/** Why a model could not be fetched. `code`: exit code of python/download.py, null when it was ended; `tail`: its log's end. */
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
    const told = errorText(tail.filter((line) => !isProgressBar(line)));
    return new StageError('DOWNLOAD_FAILED', `${source}: ${told ?? `exit code ${code}`}`);
  }
  // What precedes it (warnings, bars) is no reason.
  return new StageError(code === try_again ? 'DOWNLOAD_FAILED' : 'MISSING_INPUT', tail.slice(first).join(' '));
}
