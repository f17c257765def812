import { duration } from '../../core/format.ts';
import { countText } from '../../core/run/eval-progress.ts';
import { rowLine } from '../../core/run/row-words.ts';
import type { Live, Notice, Runtime } from '../../workers/runtime/runtime.ts';

const clock = (): string => new Date().toTimeString().slice(0, 8);

/** A line with the time of day before it, as for every step. */
export const timed = (line: string): string => `${clock()} ${line}`;

/** What a person waits for after stopping `up` with its tools. */
export function endingLine({ busyRuns }: Pick<Runtime, 'busyRuns'>): string {
  const names = [...busyRuns].map(([run, { stage }]) => `${stage} of ${run}`);
  return timed(names.length === 0 ? 'stopping' : `stopping ${names.join(', ')} (8 s at most) ...`);
}

export function noticeLine(notice: Notice): string {
  if (notice.kind === 'model') return `${clock()} ${notice.model}: ${notice.text}`;
  if (!('stored' in notice)) return `${clock()} ${notice.text}`;
  const name = notice.stored.run.run;
  switch (notice.kind) {
    case 'started':
      return `${clock()} ${name}: started (${notice.stored.run.chain.join(' -> ')})`;
    case 'stage':
      return `${clock()} ${name}: ${notice.stage}${notice.attempt > 1 ? `, attempt ${notice.attempt}` : ''} ...`;
    case 'committed':
      return `${clock()} ${name}: ${notice.stage} done in ${duration(notice.seconds)}`;
    case 'failed':
      return `${clock()} ${name}: ${notice.stage} ${failureText(notice)}`;
    case 'note':
    case 'waits':
      return `${clock()} ${name}: ${notice.stage} ${notice.text}`;
    case 'row':
      return `${clock()} ${name}: ${rowLine(notice.row)}`;
  }
}

function failureText({ resumesFrom, code, retryAt, message }: Extract<Notice, { kind: 'failed' }>): string {
  const next = resumesFrom === null ? 'starts from scratch' : `resumes from its ${resumesFrom}`;
  if (code === 'PAUSED') return `paused; ${next}`;
  if (code === 'STOPPED') return `stopped; ${next} at the next up`;
  if (retryAt === null) return `failed, not retried. ${message}`;
  return `failed, tried again in ${duration(Math.max(0, (retryAt - Date.now()) / 1000))}. ${message}`;
}

/** The changing lines of a terminal: one for each busy run. */
export function liveLines({ busyRuns, runStore }: Runtime, now: number): string[] {
  return [...busyRuns].map(([name, live]) => {
    const chain: readonly string[] = runStore.get(name)?.run.chain ?? [];
    const place = chain.indexOf(live.stage) + 1;
    return `  ${name}  ${live.stage} ${place}/${chain.length}  ${progressText(live)}  ${duration((now - live.since) / 1000)}`;
  });
}

function progressText({ progress, waits }: Live): string {
  if (waits !== null) return waits;
  if (progress === null) return '';
  const parts = [
    countText(progress),
    progress.loss === null ? null : `loss ${progress.loss.toFixed(3)}`,
    progress.eta_s === null ? null : `ETA ${duration(progress.eta_s)}`,
    progress.part ?? null,
  ];
  return parts.filter((part) => part !== null).join('  ');
}
