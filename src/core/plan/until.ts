import { timeOfDay } from '../../events/workspace.ts';
import type { Until } from './night-text.ts';

const halfHour_ms = 1_800_000;

/**
 * The next moment at which the clocks of this machine show a time of day, such as `07:00`. When they are set back, a
 * time comes twice, and the next one counts. When they are set forward, a time may not come: then the moment counts at
 * which it would have come.
 */
export function nextTime(text: string, now: number): Until {
  const [, hour = 0, minute = 0] = (timeOfDay.exec(text) ?? []).map(Number);
  const today = new Date(now);
  const candidates: number[] = [];
  for (const day of [-1, 0, 1, 2]) {
    const base = new Date(today.getFullYear(), today.getMonth(), today.getDate() + day, hour, minute).getTime();
    // Clocks are set back by an hour, and by half an hour on Lord Howe Island.
    const again = [1, 2].map((step) => base + step * halfHour_ms).filter((at) => shows(at, hour, minute));
    candidates.push(base, ...again);
  }
  return { at: Math.min(...candidates.filter((at) => at > now)), text };
}

function shows(at: number, hour: number, minute: number): boolean {
  const date = new Date(at);
  return date.getHours() === hour && date.getMinutes() === minute;
}
