/** The whole lines of a JSON Lines file that may be in the middle of its last one; none of a file that is not there. */
export function parseLines<T>(text: string | null): T[] {
  const whole = (text ?? '').slice(0, (text ?? '').lastIndexOf('\n') + 1);
  return whole.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as T]));
}
