import type { Logger } from 'pino';
import { asChosen, notificationTitle } from '../../core/run/notification.ts';
import type { Notification, NotifySettings } from '../../events/notification.ts';
import type { WorkspaceConfig } from '../../events/workspace.ts';
import { desktopCommand } from '../host/desktop-notice.ts';
import { expandWords } from '../host/home.ts';
import { pause, settled } from '../tool/settled.ts';
import { runNotifyCommand } from './notify-command.ts';
import { limit_ms, type NotDelivered } from './notify-limit.ts';
import { ntfyMessage, post, webhookMessage } from './notify-post.ts';

/** Pauses before each further try: a router that restarts is back by then, and old news is not worth more. */
const retryPauses_ms: readonly number[] = [2000, 10_000, 60_000, 300_000];

export type Notifier = ReturnType<typeof openNotifier>;

interface NotifierParts {
  readonly cwd: string;
  readonly log: Logger;
  readonly pauses_ms?: readonly number[];
}

/** A place where notifications go. */
interface Channel {
  /** `ntfy: `, for the log. */
  readonly name: string;
  readonly isRetried: boolean;
  send(notification: Notification, leave: AbortSignal): Promise<NotDelivered | null>;
}

/** Sends notifications as `notify` says. It delays nothing, and failures are only logged. Without `notify`, nothing is sent. */
export function openNotifier(
  notify: WorkspaceConfig['notify'],
  { cwd, log, pauses_ms = retryPauses_ms }: NotifierParts,
) {
  const closing = new AbortController();
  const sending = new Set<Promise<void>>();
  const isList = Array.isArray(notify);
  const settings = isList ? { run: notify, desktop: false, events: ['row' as const] } : notify;
  const channels = settings === undefined ? [] : channelsOf(settings, { cwd, isList });
  const deliver = async (channel: Channel, notification: Notification): Promise<void> => {
    for (let tries = 1; ; tries++) {
      const problem = await channel.send(notification, closing.signal);
      if (problem === null) return;
      const pause_ms = channel.isRetried && !problem.isFinal ? pauses_ms[tries - 1] : undefined;
      if (pause_ms !== undefined) await pause(pause_ms, closing.signal);
      if (pause_ms === undefined || closing.signal.aborted) {
        const { event, runs, row } = notification;
        const count = tries === 1 ? '' : `, after ${tries} tries`;
        const about = { event, run: row?.run ?? runs[0], output: problem.output };
        log.warn(about, `notify failed: ${channel.name}${problem.why}${count}`);
        return;
      }
    }
  };
  return {
    /** Begins to send a notification if it is one of the chosen events, and does not wait for it. */
    send(notification: Notification): void {
      const chosen = settings === undefined ? null : asChosen(notification, settings.events);
      if (chosen === null || closing.signal.aborted) return;
      for (const channel of channels) {
        const sent: Promise<void> = deliver(channel, chosen)
          .catch((error: unknown) => log.error({ err: error }, 'notify failed'))
          .finally(() => sending.delete(sent));
        sending.add(sent);
      }
    },
    /** Resolves when nothing is being sent, and after 30 s in any case. */
    silent: (): Promise<void> => pause(limit_ms, settled(Promise.all(sending))),
    /** Gives running tries a second, then stops them. */
    async close(): Promise<void> {
      closing.abort();
      await Promise.all(sending);
    },
  };
}

function channelsOf(
  { run, desktop, ntfy, webhook }: Omit<NotifySettings, 'events'>,
  { cwd, isList }: { readonly cwd: string; readonly isList: boolean },
): Channel[] {
  const [command, ...args] = expandWords(run ?? []);
  const channels: Channel[] = [];
  // The command of a list may not be made for a second try: it may append the row to a file.
  if (command !== undefined)
    channels.push({
      ...{ name: isList ? '' : 'run: ', isRetried: !isList },
      send: (one, leave) => runNotifyCommand([command, ...args], { cwd, env: environmentOf(one), leave }),
    });
  if (desktop)
    channels.push({
      ...{ name: 'desktop: ', isRetried: true },
      send: (one, leave) =>
        runNotifyCommand(desktopCommand(process.platform, { title: notificationTitle(one), text: one.text }), {
          ...{ cwd, env: {}, leave },
        }),
    });
  if (ntfy !== undefined)
    channels.push({ name: 'ntfy: ', isRetried: true, send: (one, leave) => post(ntfy, ntfyMessage(one), leave) });
  if (webhook !== undefined)
    channels.push({
      ...{ name: 'webhook: ', isRetried: true },
      send: (one, leave) => post(webhook, webhookMessage(one), leave),
    });
  return channels;
}

const environmentOf = ({ event, text, runs, row }: Notification): Record<string, string> => ({
  ...{ PHASEBOX_EVENT: event, PHASEBOX_TEXT: text, PHASEBOX_RUNS: runs.join(' ') },
  ...(row === null ? {} : { PHASEBOX_ROW: JSON.stringify(row) }),
});
