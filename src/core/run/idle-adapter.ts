/** Said in the training, in the eval, in the row and at the head of the page. */
export const idleAdapter = idleText();

/** The same, of some runs: ` in 2 of 3 runs`. */
export function idleText(where = ''): string {
  return `the adapter changes nothing${where}: what it adds to each layer is zero, so this is the base model`;
}
