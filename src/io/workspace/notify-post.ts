import { needsPerson, notificationTitle } from '../../core/run/notification.ts';
import type { Notification } from '../../events/notification.ts';
import { settled } from '../tool/settled.ts';
import { limited, type NotDelivered } from './notify-limit.ts';

interface Message {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** https://docs.ntfy.sh/publish/: 3 is the default priority, and 4 makes a longer sound. */
export const ntfyMessage = (notification: Notification): Message => ({
  headers: { Title: notificationTitle(notification), Priority: needsPerson(notification) ? '4' : '3' },
  body: notification.text,
});

export const webhookMessage = ({ event, text, runs, row }: Notification): Message => ({
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify({ event, text, runs, row }),
});

/** `fetch` refuses an address with a user or password, so they become a header. */
function addressed(address: string): { readonly url: URL; readonly headers: Readonly<Record<string, string>> } {
  const url = new URL(address);
  const { username, password } = url;
  if (username === '' && password === '') return { url, headers: {} };
  [url.username, url.password] = ['', ''];
  const login = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { url, headers: { Authorization: `Basic ${Buffer.from(login).toString('base64')}` } };
}

/** Another try may succeed: the server was busy or away. */
const mayPass = (status: number): boolean => status >= 500 || status === 408 || status === 429;

/** Sends a message. Null if it was accepted. The address is not in the reason, since it is often a secret itself. */
export async function post(
  address: string,
  { headers, body }: Message,
  leave: AbortSignal,
): Promise<NotDelivered | null> {
  const { url, headers: login } = addressed(address);
  const stop = new AbortController();
  // A redirected POST would become a GET, which sends nothing.
  const sending = fetch(url, {
    ...{ method: 'POST', headers: { ...headers, ...login }, body, redirect: 'manual', signal: stop.signal },
  }).then(async (response) => {
    await response.body?.cancel();
    return response.status;
  });
  const over = settled(sending);
  const patience = limited(over, leave).then((why) => {
    if (why !== null) stop.abort();
    return why;
  });
  const status = await sending.catch((error: unknown) => reasonOf(error));
  const late = await patience;
  if (late !== null) return { why: late, output: '', isFinal: false };
  if (typeof status === 'string') return { why: `${url.host}: ${status}`, output: '', isFinal: false };
  if (status >= 200 && status < 300) return null;
  return { why: `${url.host} answered with HTTP ${status}`, output: '', isFinal: !mayPass(status) };
}

/** The code of a failed connection. Messages of `fetch` may have the whole address in them. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && 'code' in cause ? `no connection (${String(cause.code)})` : 'no connection';
}
