import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Request, RequestAnswer, Submission } from '../../../src/events/request.ts';
import { linesOf, openRequestServer, type RequestServer, sendRequest } from '../../../src/io/claim/requests.ts';
import { type LiveSocket, listen } from '../../../src/io/claim/sockets.ts';
import { tempDir, waitFor } from '../../helpers/temp.ts';

const pause: Request = { kind: 'pause', target: null };
const done: RequestAnswer = { kind: 'outcomes', outcomes: [{ about: null, did: 'paused', detail: null }] };

describe('requests over the socket of a workspace', () => {
  let path: string;
  let server: RequestServer;
  let socket: LiveSocket;
  let handled: Request[];
  let connections: Socket[];

  beforeEach(async () => {
    path = join(await tempDir('socket'), 's');
    server = openRequestServer();
    connections = [];
    socket = await listen(path, (connection) => {
      connections.push(connection);
      server.serve(connection);
    });
    handled = [];
  });
  afterEach(async () => {
    await Promise.all([server.close(), socket.close()]);
  });

  const answerAll = (): void =>
    server.handle(async (request) => {
      handled.push(request);
      return done;
    });

  /** A connection that is written to by hand; `lines`: what came back. */
  async function byHand(...texts: readonly (string | Uint8Array)[]) {
    const client: Socket = connect(path);
    await once(client, 'connect');
    client.on('error', () => undefined); // the server may close first
    for (const text of texts) client.write(text);
    const lines: string[] = [];
    const read = async (): Promise<void> => {
      for await (const line of linesOf(client)) lines.push(line);
    };
    return { client, lines, closed: read().catch(() => undefined) };
  }

  it('are answered one after the other, with every byte of every file', async () => {
    let working = 0;
    server.handle(async (request) => {
      expect(++working).to.equal(1);
      await new Promise((resolve) => setTimeout(resolve, 20));
      working -= 1;
      handled.push(request);
      return done;
    });
    const bytes = Uint8Array.from({ length: 1_000_000 }, (_, index) => index % 256);
    const files = Array.from({ length: 5 }, (_, index) => ({ name: `é\n${index}`, bytes, problem: null }));
    const submission: Submission = { kind: 'submit', again: true, files };
    expect(await sendRequest(path, submission)).to.eql({ kind: 'answered', answer: done });
    const [submitted] = handled.splice(0);
    if (submitted?.kind !== 'submit') throw new Error('it is a submission');
    expect(submitted.files.map(({ name }) => name)).to.eql(files.map(({ name }) => name));
    for (const file of submitted.files) expect(Buffer.from(bytes).equals(file.bytes)).to.equal(true);
    const sent = await Promise.all(Array.from({ length: 20 }, () => sendRequest(path, pause)));
    for (const one of sent) expect(one).to.eql({ kind: 'answered', answer: done });
    expect(handled).to.have.length(20);
  });

  it('wait until the owner can answer; one whose command ended meanwhile is not done', async () => {
    const gone = await byHand('{"kind":"pause","target":null}\n');
    gone.client.destroy();
    const ctrlC = await byHand('{"kind":"pause","target":"p"}\n', '{"kind":"go"}'); // cut in the middle of a line
    ctrlC.client.end();
    const waits = sendRequest(path, { kind: 'cancel', target: 'q' });
    answerAll();
    expect(await waits).to.eql({ kind: 'answered', answer: done });
    expect(handled).to.eql([{ kind: 'cancel', target: 'q' }]);
  });

  it('that are cut in the middle of a line, or lack a file, are not done and close', async () => {
    answerAll();
    for (const text of [
      '{"kind":"cancel","tar',
      '{"kind":"submit","files":2,"again":false}\n{"kind":"file","name":"a","base64":"YQ==","problem":null}\n{"kind":"fi',
    ]) {
      const { client, closed, lines } = await byHand(text);
      client.end();
      await closed;
      expect(lines).to.eql([]);
    }
    expect(handled).to.eql([]);
  });

  it('that are not understood are refused with a sentence, and garbage without end is cut off', async () => {
    answerAll();
    for (const text of ['poke\n', '{"kind":"dance"}\n', 'null\n', '{"kind":"go"}\n', '\n']) {
      const { closed, lines } = await byHand(text);
      await closed;
      expect(lines, text).to.have.length(1);
      expect(lines[0], text).to.contain('different versions');
    }
    const endless = await byHand(Buffer.alloc(3_000_000, 'x'));
    await endless.closed;
    expect(endless.lines).to.eql([]);
    expect(handled).to.eql([]);
  });

  it('are not held up by connections that stay silent or never finish', async () => {
    answerAll();
    const idle = await Promise.all(Array.from({ length: 50 }, (_, index) => byHand(index % 2 === 0 ? '' : '{"kind')));
    expect(await sendRequest(path, pause)).to.eql({ kind: 'answered', answer: done });
    await server.close();
    await Promise.all(idle.map(({ closed }) => closed));
  });

  it('about runs do not wait for a submission', async () => {
    let finish: (() => void) | undefined;
    server.handle(async ({ kind }) => {
      if (kind === 'submit') await new Promise<void>((resolve) => (finish = resolve));
      return done;
    });
    const slow = sendRequest(path, { kind: 'submit', again: false, files: [file] });
    await waitFor('the submission', () => finish !== undefined);
    expect(await sendRequest(path, pause)).to.eql({ kind: 'answered', answer: done });
    finish?.();
    expect(await slow).to.eql({ kind: 'answered', answer: done });
  });

  it('that were begun are finished when the owner closes; the others are not begun, and the command knows', async () => {
    let finish = (): void => undefined;
    server.handle(async (request) => {
      handled.push(request);
      await new Promise<void>((resolve) => (finish = resolve));
      return done;
    });
    const begun = sendRequest(path, pause);
    await waitFor('the first', () => handled.length === 1);
    const waits = sendRequest(path, { kind: 'cancel', target: 'p' });
    await waitFor('the second', () => (connections[1]?.bytesRead ?? 0) > 0);
    const closed = server.close();
    expect(await waits).to.eql({ kind: 'not_begun' });
    finish();
    expect(await begun).to.eql({ kind: 'answered', answer: done });
    await closed;
    expect(handled).to.eql([pause]);
    expect(await sendRequest(path, pause)).to.eql({ kind: 'not_begun' });
  });

  it('that fail are answered with the error', async () => {
    server.handle(() => Promise.reject(new Error('no space left')));
    expect(await sendRequest(path, pause)).to.eql({
      kind: 'answered',
      answer: { kind: 'error', message: 'no space left' },
    });
  });
});

const file = { name: 'a.yaml', bytes: Buffer.from('phase: a\n'), problem: null };
