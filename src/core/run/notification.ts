import type { Notification, NotificationEvent } from '../../events/notification.ts';
import type { FoundCause } from '../../events/rehearsal.ts';
import type { Row } from '../../events/row.ts';
import { list } from '../format.ts';
import { onOneLine, printable } from '../printable.ts';
import { heldText } from './rehearsal-words.ts';
import { rowLine } from './row-words.ts';

/** ntfy turns a longer message into an attachment (at 4,096 bytes), and a desktop cuts it much earlier. */
const longest = 900;

function oneLine(text: string): string {
  const line = printable(onOneLine(text));
  // Not between the halves of a character.
  return line.length <= longest ? line : `${line.slice(0, longest - 1).replace(/[\ud800-\udbff]$/, '')}…`;
}

/** A notification about runs that have no result yet. */
export const runNotification = (event: NotificationEvent, runs: readonly string[], text: string): Notification => ({
  ...{ event, runs, row: null },
  text: oneLine(runs.length === 0 ? text : `${list(runs)}: ${text}`),
});

/** A rehearsal found that the runs would fail. */
export const heldNotification = (runs: readonly string[], error: FoundCause): Notification =>
  runNotification('held', runs, `held. ${heldText(error)}`);

/** A tool was stopped because it showed no progress. */
export const stalledNotification = (run: string, stage: string, message: string): Notification =>
  runNotification('stalled', [run], `${stage} was stopped: ${message}`);

/** The result of a run: a failure, or any other result. */
export const rowNotification = (row: Row): Notification => ({
  ...runNotification(row.status === 'failed' ? 'failed' : 'row', [row.run], rowLine(row)),
  row,
});

const titles: Readonly<Record<NotificationEvent, string>> = {
  row: 'run finished',
  failed: 'run failed',
  held: 'run held',
  stalled: 'tool stopped',
  waiting_for_disk: 'waiting for disk space',
  night_done: 'night finished',
};

/** What is shown above the text. */
export const notificationTitle = ({ event }: Pick<Notification, 'event'>): string => `phasebox: ${titles[event]}`;

/** Whether a person may have to act. */
export const needsPerson = ({ event }: Pick<Notification, 'event'>): boolean =>
  event !== 'row' && event !== 'night_done';

/** The notification as the chosen events send it. A failed run has a result too. Null if it is not sent. */
export function asChosen(notification: Notification, events: readonly NotificationEvent[]): Notification | null {
  if (events.includes(notification.event)) return notification;
  return notification.event === 'failed' && events.includes('row') ? { ...notification, event: 'row' } : null;
}
