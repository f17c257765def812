import { duration, list, listSome, plural } from '../format.ts';
import { lateRuns, type NightView, type RunTime } from './night.ts';

/** A deadline: milliseconds since 1970, and as a person wrote it. */
export interface Until {
  readonly at: number;
  readonly text: string;
}

/**
 * A night in words: `9 runs, 6 trainings. Finishes at about 05:20 (04:50-06:10). Disk: 193 GB stays used after the runs,
 * 61 GB can be used: NOT ENOUGH from run 4; ...`. Null if no run is left to work. With a deadline, it says what does not
 * start before it. While no `up` works, the end depends on when it starts.
 */
export function nightText(view: NightView, until: Until | null, isUp: boolean): string | null {
  const { night, left } = view;
  if (night.runs === 0) return left.length === 0 ? null : leftText(view);
  const late = until === null ? [] : lateRuns(view, until.at);
  const parts = [
    `${plural(night.runs, 'run')}, ${plural(night.trainings, 'training')}.`,
    endText(view, isUp),
    diskText(view),
    memoryText(view),
    ...(left.length === 0 ? [] : [leftText(view)]),
    ...(until === null || late.length === 0 ? [] : [lateText(late, until)]),
  ];
  return parts.filter((part) => part !== null).join(' ');
}

/** `05:20`, in local time. A time that is not within a day has its date. */
function clock(at: number, now: number): string {
  const date = new Date(at);
  const two = (value: number): string => String(value).padStart(2, '0');
  const time = `${two(date.getHours())}:${two(date.getMinutes())}`;
  if (at - now < 22 * 3_600_000) return time;
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${time}`;
}

function endText({ now, night, times }: NightView, isUp: boolean): string {
  const unknown = times.filter(({ total }) => total === null).length;
  if (night.ends === null || night.ends_low === null || night.ends_high === null)
    return `When they are finished is not known: nothing is known of the model of ${plural(unknown, 'run')}.`;
  const [at, low, high] = [night.ends, night.ends_low, night.ends_high].map((iso) => clock(Date.parse(iso), now));
  const guessed = times.filter(({ total }) => total?.from === 'rule of thumb').length;
  const which = guessed === times.length ? 'all runs' : `${guessed} of the runs`;
  const rule = guessed === 0 ? '' : ` For ${which}, this is only a rule of thumb.`;
  return `${isUp ? 'Finishes' : 'If phasebox starts now, it finishes'} at about ${at} (${low}-${high}).${rule}`;
}

/** 192.6 -> `193`, 4.24 -> `4.2`. */
const gigabytes = (value: number): string =>
  value > 0 && value < 0.05 ? 'less than 0.1' : value.toFixed(value < 9.95 ? 1 : 0);

function diskText({ night: { disk }, times, best_gb }: NightView): string {
  if (disk.stay_gb === null) return 'Disk: not known, because the size of a model is not known.';
  const usable = disk.usable_gb === null ? '' : `, ${gigabytes(disk.usable_gb)} GB can be used`;
  const text = `Disk: ${gigabytes(disk.stay_gb)} GB stays used after the runs${usable}`;
  if (disk.short_from === null) return `${text}.`;
  const first = times[disk.short_from - 1]?.run ?? '';
  const best = best_gb === null ? '' : `; \`keep_model: best\` would need ${gigabytes(best_gb)} GB`;
  return `${text}: NOT ENOUGH from run ${disk.short_from} (${first})${best}.`;
}

function memoryText({ night: { memory } }: NightView): string | null {
  if (memory.peak_gb === null) return null;
  const limit = memory.limit_gb === null ? '' : ` of ${gigabytes(memory.limit_gb)}`;
  return `Memory: ${gigabytes(memory.peak_gb)}${limit} GB.`;
}

function leftText({ left }: NightView): string {
  const reasons = [...new Set(left.map(({ why }) => why))];
  const groups = reasons.map((why) => {
    const runs = left.filter((one) => one.why === why).map(({ run }) => run);
    return `${listSome(runs)} (${why})`;
  });
  return `Left out: ${list(groups)}.`;
}

/** What a deadline means, when `up` starts. */
export const untilText = ({ at, text }: Until, now: number): string =>
  `until ${text} (in ${duration((at - now) / 1000)}): a run starts only if it will be finished by then`;

/** `43c-s0 (1 h 10 min)`. */
const withTime = ({ run, total }: RunTime): string =>
  `${run} (${total === null ? 'its time is not known' : duration(total.seconds)})`;

/** What a deadline leaves for the next night. */
export function lateText(late: readonly RunTime[], until: Until): string {
  const [verb, comes] = late.length === 1 ? ['does', 'comes'] : ['do', 'come'];
  return `Until ${until.text}: ${listSome(late.map(withTime))} ${verb} not fit and ${comes} first in the next night.`;
}
