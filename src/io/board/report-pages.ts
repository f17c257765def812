import { join } from 'node:path';
import { type Context, Hono } from 'hono';
import { readText } from '../disk/files.ts';
import { reportFile } from '../page/write-html.ts';

const mount = '/report';

/** Our own pages and plots, at their paths from artifacts/; nothing that begins with a dot, nothing else. */
const ours = /^(?:[\w-][\w.-]*\/)?[\w-][\w.-]*\.(html|svg)$/;

const types: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  svg: 'image/svg+xml; charset=utf-8',
};

/** The comparison at /report, and the pages and plots that it leads to below it. */
export function reportPages(artifacts: string): Hono {
  const app = new Hono();
  // Links of the page start where it lies, which is one level deeper than its address says.
  app.get(mount, (context) => send(context, artifacts, { file: reportFile, base: `${mount}/` }));
  app.get(`${mount}/`, (context) => send(context, artifacts, { file: reportFile }));
  app.get(`${mount}/*`, (context) => send(context, artifacts, { file: context.req.path.slice(mount.length + 1) }));
  return app;
}

interface Asked {
  readonly file: string;
  readonly base?: string;
}

async function send(context: Context, artifacts: string, { file, base }: Asked): Promise<Response> {
  const kind = ours.exec(file)?.[1];
  const text = kind === undefined ? null : await readText(join(artifacts, file));
  if (kind === undefined || text === null) {
    const why = file === reportFile ? 'it is written with the first row' : 'the comparison is at /report';
    return context.text(`404: ${file} is not there; ${why}.\n`, 404);
  }
  const placed = base === undefined ? text : text.replace('<head>', `<head>\n<base href="${base}">`);
  return context.body(placed, 200, { 'content-type': types[kind] ?? 'text/plain', 'cache-control': 'no-cache' });
}
