import type { MiddlewareHandler } from 'hono';
import { escapeHtml } from '../../core/page/html-document.ts';

const style =
  'position:fixed;inset:auto 0 0;z-index:9999;padding:12px;background:#8a1c1c;color:#fff;font:14px sans-serif';

/** Puts an important notice at the foot of the board's own pages. `read` gives null if there is none. */
export function withNotice(read: () => Promise<string | null>): MiddlewareHandler {
  return async (context, next) => {
    await next();
    if (!context.res.headers.get('content-type')?.startsWith('text/html')) return;
    const notice = await read();
    if (notice === null) return;
    const html = await context.res.text();
    const shown = `<p role="alert" style="${style}">${escapeHtml(notice)}</p>`;
    context.res = context.html(
      html.replace('</body>', () => `${shown}</body>`),
      context.res.status as 200,
    );
  };
}
