import { Agent, type IncomingHttpHeaders, type RequestOptions, request } from 'node:http';
import { createServer } from 'node:net';
import { hostname, networkInterfaces } from 'node:os';
import { expect } from 'chai';
import { Hono } from 'hono';
import { Redis } from 'ioredis';
import { CommandError } from '../../../src/core/errors.ts';
import { onlyOwnHost, withinTime } from '../../../src/io/board/board-guard.ts';
import { startDashboard } from '../../../src/io/board/dashboard.ts';
import { type Board, queueNames, startBoard } from '../../browser/board.ts';
import { tempDir } from '../../helpers/temp.ts';

interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
}

/** node:http, since fetch does not let us send a Host of our choice. */
function ask(url: URL | string, options: RequestOptions = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text: Buffer.concat(chunks).toString(),
        });
      });
    });
    sent.on('error', reject);
    sent.end();
  });
}

interface ApiQueue {
  name: string;
  readOnlyMode: boolean;
  counts: Record<string, number>;
  jobs: { id: string; name: string; failedReason?: string; progress: unknown; isFailed: boolean }[];
}

describe('dashboard', () => {
  let board: Board;
  let base: string;
  before(async () => {
    board = await startBoard();
    base = board.dashboard.url;
  });
  after(() => board.close());

  it('shows what people must know on its own pages, as text, and nothing else', async () => {
    let notice: string | null = 'the broker refuses writes: <b>OOM</b> & more';
    const told = await startDashboard({ queues: [], host: '127.0.0.1', port: 0, notice: async () => notice });
    try {
      const { text, headers } = await ask(told.url);
      expect(text).to.contain('role="alert"').and.contain('refuses writes: &lt;b>OOM&lt;/b> &amp; more');
      expect(headers['content-security-policy']).to.contain("default-src 'self'");
      expect((await ask(new URL('api/queues', told.url))).text).not.to.contain('refuses writes');
      notice = null;
      expect((await ask(told.url)).text).not.to.contain('role="alert"');
    } finally {
      await told.close();
    }
  });

  const queuesOf = async (active: string, status = 'latest'): Promise<Record<string, ApiQueue>> => {
    const { status: code, text } = await ask(new URL(`api/queues?activeQueue=${active}&status=${status}`, base));
    expect(code).to.equal(200);
    const list = (JSON.parse(text) as { queues: ApiQueue[] }).queues;
    return Object.fromEntries(list.map((queue) => [queue.name, queue]));
  };

  it('lists every queue in the order of the chain, read-only', async () => {
    const queues = await queuesOf('train');
    expect(Object.keys(queues)).to.deep.equal([...queueNames]);
    expect(Object.values(queues).every((queue) => queue.readOnlyMode)).to.equal(true);
    expect(queues.train?.counts).to.include({ completed: 1, failed: 0 });
    expect(queues.runs?.counts).to.include({ completed: 1, waiting: 1 });
    expect(queues.select?.counts).to.include({ completed: 0 });
  });

  it('shows a job under the name of its run, with progress and log', async () => {
    const { train } = await queuesOf('train');
    expect(train?.jobs).to.have.lengthOf(1);
    expect(train?.jobs[0]).to.include({ id: '43a-s0-train-a1', name: '43a-s0', progress: 100 });
    const { text } = await ask(new URL('api/queues/train/43a-s0-train-a1/logs', base));
    expect(JSON.parse(text).join('\n')).to.contain('val loss 0.696');
  });

  it('shows a failed attempt with its code and the end of its log', async () => {
    const { fuse } = await queuesOf('fuse', 'failed');
    expect(fuse?.jobs).to.have.lengthOf(1);
    expect(fuse?.jobs[0]?.isFailed).to.equal(true);
    expect(fuse?.jobs[0]?.failedReason).to.match(/^GPU_FAULT: .*code 134\n[\s\S]*Command buffer execution failed/);
  });

  it('serves its page and files itself and asks no third party', async () => {
    const { status, headers, text } = await ask(base);
    expect(status).to.equal(200);
    expect(text)
      .to.contain('<title>phasebox</title>')
      .and.not.match(/(?:href|src)="(?:https?:)?\/\//);
    expect(headers['content-security-policy']).to.contain("default-src 'self'");
    const files = [...text.matchAll(/(?:href|src)="(static\/[^"]+)"/g)].map(([, path]) => path ?? '');
    expect(files).to.have.length.above(4);
    for (const file of files) expect((await ask(new URL(file, base))).status, file).to.equal(200);
  });

  it('finds its files also when the process is in another folder by now', async () => {
    const before = process.cwd();
    process.chdir(await tempDir('elsewhere'));
    try {
      expect((await ask(new URL('static/images/logo.svg', base))).status).to.equal(200);
    } finally {
      process.chdir(before);
    }
  });

  it('answers under its own names only', async () => {
    const { port } = new URL(base);
    for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, `LOCALHOST:${port}`, `[::1]:${port}`]) {
      expect((await ask(base, { headers: { host } })).status, host).to.equal(200);
    }
    const foreign = [
      'evil.example',
      `evil.example:${port}`,
      '127.0.0.1',
      '127.0.0.1:1',
      `127.0.0.1.evil.example:${port}`,
    ];
    for (const host of [...foreign, `0.0.0.0:${port}`]) {
      const { status, text } = await ask(new URL('api/queues', base), { headers: { host } });
      expect(status, host).to.equal(403);
      expect(text).to.contain(`Host is "${host}"`).and.contain(`localhost:${port}`).and.not.contain('43a');
    }
  });

  it('answers under the addresses of the machine when it was set to listen on all of them', async () => {
    const app = new Hono().use(onlyOwnHost('0.0.0.0', 3100)).get('/', (context) => context.text('in'));
    const own = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
    const names = [...own.map(({ address, family }) => (family === 'IPv6' ? `[${address}]` : address)), hostname()];
    for (const name of names) {
      expect((await app.request('/', { headers: { host: `${name}:3100` } })).status, name).to.equal(200);
    }
    for (const host of ['evil.example:3100', '203.0.113.7:3100', `${hostname()}:80`]) {
      expect((await app.request('/', { headers: { host } })).status, host).to.equal(403);
    }
  });

  it('answers pages of its own origin only', async () => {
    const { port } = new URL(base);
    for (const origin of [`http://127.0.0.1:${port}`, `http://localhost:${port}`]) {
      expect((await ask(base, { headers: { origin } })).status, origin).to.equal(200);
    }
    const foreign = [
      'null',
      'http://evil.example',
      `https://localhost:${port}`,
      `http://localhost.evil.example:${port}`,
    ];
    for (const origin of [...foreign, 'http://localhost', `file://localhost:${port}`]) {
      const { status, text } = await ask(base, { headers: { origin } });
      expect(status, origin).to.equal(403);
      expect(text).to.contain(`Origin is "${origin}"`);
    }
  });

  it('changes nothing, whatever it is sent', async () => {
    const mutating: [string, string][] = [
      ['PUT', 'api/queues/pause'],
      ['PUT', 'api/queues/train/clean/completed'],
      ['PUT', 'api/queues/fuse/43a-s0-fuse-a1/retry'],
      ['PUT', 'api/queues/runs/obliterate'],
      ['PATCH', 'api/queues/runs/go-43b-s0/update-data'],
      ['POST', 'api/queues/runs/add'],
      ['DELETE', 'api/queues/runs'],
    ];
    for (const [method, path] of mutating) {
      const { status, text } = await ask(new URL(path, base), { method });
      expect(status, `${method} ${path}`).to.equal(405);
      expect(JSON.parse(text).error).to.contain('read-only');
    }
    const { runs, train, fuse } = await queuesOf('train');
    expect([runs?.counts.waiting, train?.counts.completed, fuse?.counts.failed]).to.deep.equal([1, 1, 1]);
  });

  it('takes the next port when its own is taken, and says so in its address', async () => {
    const taken = createServer();
    const port = await new Promise<number>((resolve) => {
      taken.listen(0, '127.0.0.1', () => resolve((taken.address() as { port: number }).port));
    });
    const second = await startDashboard({ queues: board.queues, host: '127.0.0.1', port });
    try {
      expect(Number(new URL(second.url).port)).to.be.above(port);
      expect((await ask(second.url)).status).to.equal(200);
    } finally {
      await second.close();
      await new Promise((resolve) => taken.close(resolve));
    }
  });

  it('says what to do when it cannot listen at all', async () => {
    const refused = await startDashboard({ queues: [], host: '203.0.113.7', port: 3100 }).catch(
      (error: unknown) => error,
    );
    expect(refused).to.be.instanceOf(CommandError);
    expect(refused).to.have.property('exitCode', 3);
    expect((refused as CommandError).message).to.match(/cannot listen on 203\.0\.113\.7, port 3100: .*--no-dashboard/);
  });

  it('says that the broker is away instead of waiting for it without end', async () => {
    const app = new Hono().use(withinTime(20)).get('/away', () => new Promise<Response>(() => undefined));
    const late = await app.request('/away');
    expect(late.status).to.equal(503);
    expect(await late.json())
      .to.have.property('error')
      .that.contains('The broker has not answered for 0.02 s');
  });

  it('closes also while a browser keeps its connection open', async () => {
    const other = await startDashboard({ queues: board.queues, host: '127.0.0.1', port: 0 });
    const agent = new Agent({ keepAlive: true });
    await ask(other.url, { agent });
    await other.close();
    const error = await ask(other.url, { agent }).catch((cause: unknown) => cause);
    expect(error).to.have.property('code').that.is.oneOf(['ECONNREFUSED', 'ECONNRESET']);
    agent.destroy();
  });

  it('still lists every queue after the broker was flushed', async () => {
    const redis = new Redis(board.broker.connection);
    await redis.flushall();
    redis.disconnect();
    const queues = await queuesOf('train');
    expect(Object.keys(queues)).to.deep.equal([...queueNames]);
    expect(queues.train?.counts).to.include({ completed: 0, failed: 0 });
  });
});
