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
