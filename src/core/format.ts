/** What stands for an unknown or absent value. */
export const none = '–';

/** 82.407 -> `82.4`; unknown -> `–`. */
export const percent = (value: number | null | undefined): string =>
  value === null || value === undefined ? none : value.toFixed(1);

/** 0.211 -> `0.211`, 12.3456 -> `12.346`. */
export const loss = (value: number | null): string => (value === null ? none : value.toFixed(3));

/** 1159 -> `1,159`. */
export const count = (value: number): string => String(value).replace(/\B(?=(\d{3})+$)/g, ',');

/** 385 of 1074 -> `35.8 %`. */
export const percentOf = (part: number, whole: number): string =>
  `${percent(whole === 0 ? 0 : (100 * part) / whole)} %`;

/** 0.154 -> `15 %`. A share above 0 is never shown as 0. */
export function share(value: number): string {
  const rounded = Math.round(100 * value);
  return value > 0 && rounded === 0 ? '< 1 %' : `${rounded} %`;
}

/** An ISO time as `2026-11-21 22:14 UTC`. */
export const time = (iso: string): string => `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC`;

const mostNamed = 12;

/** `a, b and c`. Of more than twelve words it names the first, and says how many more there are. */
export const listSome = (words: readonly string[]): string =>
  words.length > mostNamed
    ? `${words.slice(0, mostNamed).join(', ')} and ${count(words.length - mostNamed)} more`
    : list(words);

/** `a`, `a and b`, `a, b and c`. */
export function list(words: readonly string[]): string {
  const last = words.at(-1) ?? '';
  return words.length < 2 ? last : `${words.slice(0, -1).join(', ')} and ${last}`;
}

/** Seconds for people: `42 s`, `4 min 10 s`, `2 h 05 min`. */
export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${seconds < 10 ? Math.round(seconds * 10) / 10 : whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${whole % 60} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
}

/** Adds an `s` unless there is one. */
export const plural = (count: number, word: string): string => `${count} ${word}${count === 1 ? '' : 's'}`;

const units = ['bytes', 'KB', 'MB', 'GB', 'TB'] as const;

/** A size for people, in powers of 1024 as in `du -h`: `57 GB`, `5.1 GB`, `201 KB`. */
export function sizeText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  const digits = unit > 0 && value < 9.95 ? 1 : 0;
  return `${value.toFixed(digits)} ${units[unit] ?? ''}`;
}
