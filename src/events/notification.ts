import * as z from 'zod';
import { checkWords } from './paths.ts';
import type { Row } from './row.ts';

/**
 * What `notify` can report: a run has its result; a run failed; runs are held after their rehearsal; a tool showed no
 * progress and was stopped; a run waits for disk space; no run is left that can start.
 */
const notificationEvents = ['row', 'failed', 'held', 'stalled', 'waiting_for_disk', 'night_done'] as const;
export type NotificationEvent = (typeof notificationEvents)[number];

/** Something that a person wants to know while not looking at the terminal. */
export interface Notification {
  readonly event: NotificationEvent;
  /** One line. */
  readonly text: string;
  /** The runs that it is about. */
  readonly runs: readonly string[];
  /** The result of the run, if the event is `row` or `failed`. */
  readonly row: Row | null;
}

const command = z
  .array(z.string())
  .min(1)
  .refine(([first]) => first !== '', { path: [0], error: 'the command has no name: its first word is empty' })
  .check(checkWords);
const address = z.url({ protocol: /^https?$/, error: 'an address that begins with http:// or https://' });

/** `notify` as a mapping: where notifications go, and which. */
export const notifySettings = z
  .strictObject({
    run: command
      .optional()
      .describe(
        'Command to run, as a list of arguments. It gets `PHASEBOX_EVENT`, `PHASEBOX_TEXT`, `PHASEBOX_RUNS` and, if there is a result, `PHASEBOX_ROW`.',
      ),
    desktop: z
      .boolean()
      .default(false)
      .describe('Show it on the desktop, with `osascript` on macOS and with `notify-send` on Linux.'),
    ntfy: address
      .optional()
      .describe('Address of a topic of [ntfy](https://ntfy.sh), such as `https://ntfy.sh/TOPIC`.'),
    webhook: address.optional().describe('Address that gets it as JSON by POST.'),
    events: z
      .array(z.enum(notificationEvents))
      .min(1)
      .default(['failed', 'held', 'stalled', 'waiting_for_disk', 'night_done'])
      .describe('The events that are sent.'),
  })
  .refine(({ run, desktop, ntfy, webhook }) => desktop || (run ?? ntfy ?? webhook) !== undefined, {
    message: 'it needs run, desktop: true, ntfy or webhook',
  });
export type NotifySettings = z.infer<typeof notifySettings>;

/** `notify` in phasebox.yaml. A list is a command that runs after each result. */
export const notify = z.union([command, notifySettings]);
