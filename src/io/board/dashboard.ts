import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { dirname } from 'node:path';
import { createBullBoard } from '@bull-board/api';
import { HonoAdapter } from '@bull-board/hono';
import { getRequestListener } from '@hono/node-server';
import { type ServeStaticOptions, serveStatic } from '@hono/node-server/serve-static';
import { Hono } from 'hono';
import { CommandError, messageOf } from '../../core/errors.ts';
import type { BoardQueue } from '../broker/board-queues.ts';
import { hasCode } from '../disk/files.ts';
import { onlyOwnHost, onlyReading, selfContained, withinTime, withNotice } from './board-guard.ts';
import { reportPages } from './report-pages.ts';

const answer_ms = 10_000;

export interface DashboardOptions {
  readonly queues: readonly BoardQueue[];
  readonly host: string;
  /** 0 means any free port. If the port is taken, the next free one is used. */
  readonly port: number;
  /** An absolute path, whose comparison is shown at /report. If absent, only the queues are shown. */
  readonly artifacts?: string;
  /** Shown on every page of the board, unless it is null. */
  readonly notice?: () => Promise<string | null>;
}

export interface Dashboard {
  /** The address to open, with the actual port. */
  readonly url: string;
  /** Also ends connections that are kept alive. */
  close(): Promise<void>;
}

/** bull-board over the queues, read-only. Throws CommandError(3) if there is no port to listen on. */
export async function startDashboard(options: DashboardOptions): Promise<Dashboard> {
  const app = new Hono();
  const server = createServer(getRequestListener(app.fetch));
  const port = await listen(server, options.host, options.port);
  app.use(onlyOwnHost(options.host, port), selfContained);
  app.use('/api/*', withinTime(answer_ms));
  app.use(onlyReading);
  if (options.artifacts !== undefined) app.route('/', reportPages(options.artifacts));
  if (options.notice !== undefined) app.use(withNotice(options.notice));
  app.route('/', board(options));
  const name = options.host.includes(':') ? `[${options.host}]` : options.host;
  return { url: `http://${name}:${port}/`, close: () => close(server) };
}

function board({ queues, artifacts }: DashboardOptions): Hono {
  // An absolute root, since bull-board's is relative to the current folder, which a process may leave.
  const folder = boardFolder();
  const adapter = new HonoAdapter((settings?: ServeStaticOptions) =>
    serveStatic({ ...settings, root: `${folder}/dist/static` }),
  );
  createBullBoard({
    queues,
    serverAdapter: adapter,
    options: {
      uiBasePath: folder,
      uiConfig: {
        boardTitle: 'phasebox',
        hideDocsLink: true,
        hideRedisDetails: true,
        // The order is that of the chain.
        sortQueues: false,
        // Otherwise each poll sends one CLIENT LIST per queue.
        showWorkers: false,
        pollingInterval: { showSetting: true },
        ...(artifacts === undefined ? {} : { miscLinks: [{ text: 'Comparison', url: '/report' }] }),
      },
    },
  });
  return adapter.registerPlugin();
}

/** The folder of bull-board's pages, resolved from bull-board: strict package managers hide it from our own code. */
function boardFolder(): string {
  const ours = createRequire(import.meta.url);
  return dirname(createRequire(ours.resolve('@bull-board/hono')).resolve('@bull-board/ui/package.json'));
}

async function listen(server: Server, host: string, first: number): Promise<number> {
  const last = first === 0 ? 0 : Math.min(first + 99, 65_535);
  for (let port = first; port <= last; port += 1) {
    if (await listens(server, host, port)) return (server.address() as AddressInfo).port;
  }
  const next = 'Set dashboard.port in phasebox.yaml, or `up --no-dashboard`.';
  throw new CommandError(3, `dashboard: ports ${first} to ${last} of ${host} are all taken. ${next}`);
}

async function listens(server: Server, host: string, port: number): Promise<boolean> {
  try {
    server.listen(port, host);
    await once(server, 'listening');
    return true;
  } catch (error) {
    if (hasCode(error, 'EADDRINUSE')) return false;
    const next = 'Correct dashboard.host and dashboard.port in phasebox.yaml, or `up --no-dashboard`.';
    throw new CommandError(3, `dashboard: cannot listen on ${host}, port ${port}: ${messageOf(error)}. ${next}`);
  }
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    // A browser keeps its connections open, and polls on them without end.
    server.closeAllConnections();
  });
}
