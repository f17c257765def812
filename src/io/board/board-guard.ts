import { hostname, networkInterfaces } from 'node:os';
import type { Context, MiddlewareHandler } from 'hono';

/**
 * Answers only requests that were meant for this dashboard. Any web page can make a browser send requests to loopback,
 * under a name of its own (DNS rebinding). Then Host or Origin is not ours.
 */
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
  return context.text(
    `403: ${seen}, and this dashboard answers only to ${allowed}. Open it under one of these.\n`,
    403,
  );
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
  if (!res.headers.get('content-type')?.startsWith('text/html')) return;
  const page = (await res.text()).replace(/<link\b[^>]*href="https?:\/\/[^>]*>/g, '');
  context.res = new Response(page, { status: res.status, headers: res.headers });
};

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
