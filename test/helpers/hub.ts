import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

/** The newest commit of every repository here. */
export const hubCommit = 'c0ffee'.repeat(7).slice(0, 40);

/** A small Hub on this machine: the calls that huggingface_hub makes to fetch a model, over real HTTP. */
export interface Hub {
  readonly url: string;
  /** `GET /org/name/resolve/...`, oldest first. */
  readonly requests: readonly string[];
  /** Answers this many further requests with 503. */
  fail(count: number): void;
  /** Requests for files that are like this (`GET /org/name/resolve/...`) wait until the function that this gives is called. */
  hold(like?: RegExp): () => void;
  close(): Promise<void>;
}

interface Held {
  readonly name: string;
  readonly bytes: Buffer;
  /** As the Hub names it: the sha1 of a git blob, the sha256 of a large file. */
  readonly etag: string;
}

async function filesOf(folder: string): Promise<Held[]> {
  return Promise.all(
    (await readdir(folder)).sort().map(async (name) => {
      const bytes = await readFile(join(folder, name));
      const blob = Buffer.concat([Buffer.from(`blob ${bytes.length}\0`), bytes]);
      return { name, bytes, etag: createHash('sha1').update(blob).digest('hex') };
    }),
  );
}

/** Starts a Hub with one repository, `id`, made of the files of a folder. */
export async function startHub(id: string, folder: string): Promise<Hub> {
  const files = await filesOf(folder);
  const requests: string[] = [];
  let failures = 0;
  let gate: { readonly like: RegExp; readonly opened: Promise<void> } = { like: /./, opened: Promise.resolve() };
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { pathname } = new URL(request.url ?? '/', 'http://hub');
    requests.push(`${request.method} ${pathname}`);
    if (failures > 0) {
      failures--;
      response.writeHead(503).end();
      return;
    }
    const rest = pathname.startsWith(`/api/models/${id}/`) ? pathname.slice(`/api/models/${id}/`.length) : null;
    if (pathname === `/api/models/${id}` || rest?.startsWith('revision/')) json(response, info(id, files));
    else if (rest?.startsWith('tree/')) json(response, files.map(entry));
    else if (pathname.startsWith(`/${id}/resolve/`)) {
      if (gate.like.test(`${request.method} ${pathname}`)) await gate.opened;
      sendFile(
        response,
        request,
        files.find(({ name }) => pathname.endsWith(`/${name}`)),
      );
    } else notThere(response);
  };
  const server = createServer((request, response) => void answer(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    fail(count) {
      failures = count;
    },
    hold(like = /^GET /) {
      let open = (): void => undefined;
      const opened = new Promise<void>((resolve) => {
        open = resolve;
      });
      gate = { like, opened };
      return () => open();
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

const entry = ({ name, bytes, etag }: Held) => ({ type: 'file', oid: etag, size: bytes.length, path: name });

const info = (id: string, files: readonly Held[]) => ({
  ...{ _id: '0', id, modelId: id, sha: hubCommit, private: false, gated: false, disabled: false, tags: [] },
  siblings: files.map(({ name, bytes, etag }) => ({ rfilename: name, size: bytes.length, blobId: etag })),
});

function json(response: ServerResponse, body: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json', 'x-repo-commit': hubCommit }).end(JSON.stringify(body));
}

function notThere(response: ServerResponse): void {
  response
    .writeHead(404, { 'content-type': 'application/json', 'x-error-code': 'RepoNotFound' })
    .end(JSON.stringify({ error: 'Repository not found' }));
}

function sendFile(response: ServerResponse, request: IncomingMessage, file: Held | undefined): void {
  if (file === undefined) {
    response.writeHead(404, { 'x-error-code': 'EntryNotFound' }).end();
    return;
  }
  const headers = { etag: `"${file.etag}"`, 'x-repo-commit': hubCommit, 'content-length': file.bytes.length };
  response.writeHead(200, headers).end(request.method === 'HEAD' ? undefined : file.bytes);
}
