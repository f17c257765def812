/** The message in the training, in the eval, in the row and at the top of the page. */
export const idleAdapter = idleText();

/** The same for some of the runs: ` in 2 of 3 runs`. */
export function idleText(where = ''): string {
  return `the adapter changes nothing${where}: what it adds to each layer is zero, so this is the base model`;
}
