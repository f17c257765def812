import { realpath } from 'node:fs/promises';
import { type Context, Hono } from 'hono';
import { DamagedFile } from '../../core/errors.ts';
import { hasCode, readText } from '../disk/files.ts';
import { fileInside } from '../disk/inside.ts';
import { reportFile } from '../page/write-html.ts';

const mount = '/report';

/** Our own pages and plots, by their paths below artifacts/. Hidden files and all others are refused. */
const ours = /^(?:[\w-][\w.-]*\/)?[\w-][\w.-]*\.(html|svg)$/;

const types: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  svg: 'image/svg+xml; charset=utf-8',
};

/** The comparison at /report, and the pages and plots that it links to below it. */
export function reportPages(artifacts: string): Hono {
  const app = new Hono();
  // Links of the page are relative to its folder, which is one level deeper than its address.
  app.get(mount, (context) => send(context, artifacts, { file: reportFile, base: `${mount}/` }));
  app.get(`${mount}/`, (context) => send(context, artifacts, { file: reportFile }));
  app.get(`${mount}/*`, (context) => send(context, artifacts, { file: context.req.path.slice(mount.length + 1) }));
  return app;
}

/** Null if there is no such file of ours. Links are refused, since they may lead to anything that we can read. */
async function pageText(artifacts: string, file: string): Promise<string | null> {
  try {
    return await readText((await fileInside(await realpath(artifacts), file)).path);
  } catch (error) {
    if (error instanceof DamagedFile || hasCode(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return null;
    throw error;
  }
}

async function send(context: Context, artifacts: string, { file, base }: { file: string; base?: string }) {
  const kind = ours.exec(file)?.[1];
  const text = kind === undefined ? null : await pageText(artifacts, file);
  if (kind === undefined || text === null) {
    const why = file === reportFile ? 'it is written with the first row' : 'the comparison is at /report';
    return context.text(`404: ${file} does not exist; ${why}.\n`, 404);
  }
  const placed = base === undefined ? text : text.replace('<head>', `<head>\n<base href="${base}">`);
  return context.body(placed, 200, { 'content-type': types[kind] ?? 'text/plain', 'cache-control': 'no-cache' });
}
