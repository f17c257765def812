import { hostname, networkInterfaces } from 'node:os';
import type { Context, MiddlewareHandler } from 'hono';
import { escapeHtml } from '../../core/page/html-document.ts';

/** Answers only requests for this dashboard: any web page can send some to loopback by its own name (DNS rebinding). */
export function onlyOwnHost(host: string, port: number): MiddlewareHandler {
  const names = new Set(ownNames(host).map((name) => `${name}:${port}`));
  // Browsers omit the port of http.
  if (port === 80) for (const name of ownNames(host)) names.add(name);
  return async (context, next) => {
    const asked = context.req.header('host')?.toLowerCase();
    if (asked === undefined || !names.has(asked)) return refused(context, `Host is "${asked ?? ''}"`, names);
    const origin = context.req.header('origin')?.toLowerCase();
    if (origin !== undefined && !names.has(origin.replace(/^http:\/\//, ''))) {
      return refused(context, `Origin is "${origin}"`, names);
    }
    return next();
  };
}

/** If the dashboard listens on every address, all of our addresses and the name of the machine are accepted. */
function ownNames(host: string): string[] {
  const loopback = ['localhost', '127.0.0.1', '[::1]'];
  const bracketed = (address: string): string => (address.includes(':') ? `[${address}]` : address).toLowerCase();
  if (host !== '0.0.0.0' && host !== '::') return [...loopback, bracketed(host)];
  const addresses = Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address));
  return [...loopback, ...[...addresses, hostname(), `${hostname()}.local`].map(bracketed)];
}

function refused(context: Context, seen: string, names: ReadonlySet<string>): Response {
  const allowed = [...names].join(', ');
  const text = `403: ${seen}, and this dashboard answers only to ${allowed}. Open it under one of these.\n`;
  return context.text(text, 403);
}

/** The dashboard is read-only. It changes nothing, whatever a button or a script sends. */
export const onlyReading: MiddlewareHandler = async (context, next) => {
  if (context.req.method === 'GET' || context.req.method === 'HEAD') return next();
  const message =
    'The dashboard is read-only. To change something, use phasebox pause, resume, retry, cancel, prioritize.';
  return context.json({ error: message }, 405);
};

/** No request leaves the machine: the board's page requests third-party fonts, and this makes browsers refuse. */
export const selfContained: MiddlewareHandler = async (context, next) => {
  await next();
  const { res } = context;
  res.headers.set(
    'content-security-policy',
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; " +
      "worker-src 'self' blob:; base-uri 'self'; form-action 'none'; frame-ancestors 'none'",
  );
  res.headers.set('x-content-type-options', 'nosniff');
  res.headers.set('referrer-policy', 'no-referrer');
  await changeHtml(context, (page) => page.replace(/<link\b[^>]*href="https?:\/\/[^>]*>/g, ''));
};

const noticeStyle =
  'position:fixed;inset:auto 0 0;z-index:9999;padding:12px;background:#8a1c1c;color:#fff;font:14px sans-serif';

/** Puts an important notice at the foot of the board's own pages. `read` gives null if there is none. */
export function withNotice(read: () => Promise<string | null>): MiddlewareHandler {
  return async (context, next) => {
    await next();
    await changeHtml(context, async (page) => {
      const notice = await read();
      const shown = `<p role="alert" style="${noticeStyle}">${escapeHtml(notice ?? '')}</p>`;
      return notice === null ? page : page.replace('</body>', () => `${shown}</body>`);
    });
  };
}

/** Changes an answer if it is an HTML page. */
async function changeHtml(context: Context, change: (page: string) => string | Promise<string>): Promise<void> {
  const { res } = context;
  if (!res.headers.get('content-type')?.startsWith('text/html')) return;
  context.res = new Response(await change(await res.text()), { status: res.status, headers: res.headers });
}

/** BullMQ waits for a lost broker without end. The page must say what is wrong instead. */
export function withinTime(limit_ms: number): MiddlewareHandler {
  return async (context, next) => {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(resolve, limit_ms, 'late');
    });
    const first = await Promise.race([next(), late]).finally(() => clearTimeout(timer));
    if (first !== 'late') return;
    const message = `The broker has not answered for ${limit_ms / 1000} s. Results are safe on disk; see phasebox status.`;
    return context.json({ error: message }, 503);
  };
}
