import { chmod, readFile, writeFile } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { pino } from 'pino';
import { heldNotification, rowNotification, runNotification } from '../../../src/core/run/notification.ts';
import type { NotifySettings } from '../../../src/events/notification.ts';
import { desktopCommand } from '../../../src/io/host/desktop-notice.ts';
import { openNotifier } from '../../../src/io/workspace/notifier.ts';
import { cause } from '../../helpers/rehearsals.ts';
import { makeRow } from '../../helpers/rows.ts';
import { tempDir, waitFor } from '../../helpers/temp.ts';

interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

const all = ['row', 'failed', 'held', 'stalled', 'waiting_for_disk', 'night_done'] as const;
const night = runNotification('night_done', [], '3 runs finished');

describe('io/notifier: desktop, ntfy, webhook', () => {
  let server: Server;
  let base = '';
  let received: Received[] = [];
  /** The status of the next answers, then 200. */
  let answers: number[] = [];

  before(async () => {
    server = createServer((request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      request.on('end', () => {
        received.push({ path: request.url ?? '', headers: request.headers, body });
        const status = answers.shift() ?? 200;
        response.writeHead(status, status === 302 ? { Location: '/elsewhere' } : {}).end('ok');
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    base = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => void server.close());
  beforeEach(() => {
    [received, answers] = [[], []];
  });

  async function notifierOf(settings: Partial<NotifySettings>, pauses_ms: readonly number[] = [1, 1]) {
    const folder = await tempDir('notifier');
    const lines: { msg: string; event: string }[] = [];
    const log = pino({}, { write: (line: string) => void lines.push(JSON.parse(line)) });
    const notify = { desktop: false, events: [...all], ...settings };
    return { folder, lines, notifier: openNotifier(notify, { cwd: folder, log, pauses_ms }) };
  }

  it('posts the text with title and priority to ntfy; user and password of the address become a header', async () => {
    const { notifier, lines } = await notifierOf({ ntfy: `http://me:p%40ss@${base}/topic` });
    notifier.send(heldNotification(['a-s0', 'a-s1'], cause));
    await notifier.silent();
    notifier.send(night);
    await notifier.silent();
    const [held, done] = received;
    expect(held).to.include({ path: '/topic' });
    expect(held?.body).to.equal(
      'a-s0 and a-s1: held. It needs 40 GB, and the limit is 32 GB. Use a smaller batch_size.',
    );
    const authorization = `Basic ${Buffer.from('me:p@ss').toString('base64')}`;
    expect(held?.headers).to.include({ title: 'phasebox: run held', priority: '4', authorization });
    expect(done?.headers).to.include({ title: 'phasebox: night finished', priority: '3' });
    expect(lines).to.eql([]);
    await notifier.close();
  });

  it('posts event, text, runs and row to a webhook', async () => {
    const { notifier } = await notifierOf({ webhook: `http://${base}/hook` });
    const row = makeRow();
    notifier.send(rowNotification(row));
    await notifier.silent();
    expect(received[0]?.headers).to.include({ 'content-type': 'application/json' });
    const { text, ...rest } = JSON.parse(received[0]?.body ?? '');
    expect(rest).to.eql({ event: 'row', runs: ['43a-s0'], row });
    expect(text).to.match(/^43a-s0: done in .*: 82\.4 % \(strict 80\.6 %\)$/);
    await notifier.close();
  });

  it('sends only the chosen events: a failure is a result too, and is sent once', async () => {
    const failed = rowNotification(makeRow({ status: 'failed', overall: null }));
    const sentBy = async (events: NotifySettings['events']): Promise<string[]> => {
      received = [];
      const { notifier } = await notifierOf({ webhook: `http://${base}/hook`, events });
      for (const one of [failed, rowNotification(makeRow()), night]) {
        notifier.send(one);
        await notifier.silent();
      }
      await notifier.close();
      return received.map(({ body }) => JSON.parse(body).event);
    };
    expect(await sentBy(['row'])).to.eql(['row', 'row']);
    expect(await sentBy(['row', 'failed'])).to.eql(['failed', 'row']);
    expect(await sentBy(['failed', 'night_done'])).to.eql(['failed', 'night_done']);
  });

  it('tries again what may pass, not what cannot; the log says it once and never has the address', async () => {
    answers = [500, 429];
    const passes = await notifierOf({ webhook: `http://${base}/secret-hook` });
    passes.notifier.send(night);
    await passes.notifier.silent();
    expect([received.length, passes.lines.length]).to.eql([3, 0]);
    const reasonsOf = async (settings: Partial<NotifySettings>): Promise<string[]> => {
      const { notifier, lines } = await notifierOf(settings);
      notifier.send(night);
      await notifier.silent();
      return lines.map(({ msg }) => msg);
    };
    answers = [404];
    const hook = `http://${base}/secret-hook?token=abc`;
    expect(await reasonsOf({ webhook: hook })).to.eql([`notify failed: webhook: ${base} answered with HTTP 404`]);
    answers = [302, 200];
    expect(await reasonsOf({ ntfy: hook })).to.eql([`notify failed: ntfy: ${base} answered with HTTP 302`]);
    answers = [500, 500, 500, 200];
    const tries = `notify failed: ntfy: ${base} answered with HTTP 500, after 3 tries`;
    expect(await reasonsOf({ ntfy: hook })).to.eql([tries]);
    // Port 1 is closed.
    const [closed] = await reasonsOf({ ntfy: 'http://u:secret@127.0.0.1:1/secret-topic' });
    expect(closed).to.match(/^notify failed: ntfy: 127\.0\.0\.1:1: no connection( \(\w+\))?, after 3 tries$/);
  });

  it('ends with `up` while it waits for its next try', async () => {
    answers = [500];
    const { notifier, lines } = await notifierOf({ ntfy: `http://${base}/topic` }, [3_600_000]);
    notifier.send(night);
    await waitFor('the first try', () => received.length > 0);
    await notifier.close();
    expect(lines.map(({ event }) => event)).to.eql(['night_done']);
    expect(received).to.have.length(1);
  });

  it('runs a command again that failed, with event, text and runs in its environment', async () => {
    const script = 'echo "$PHASEBOX_EVENT|$PHASEBOX_TEXT|$PHASEBOX_RUNS|$PHASEBOX_ROW" >>said; exit 3';
    const { folder, notifier, lines } = await notifierOf({ run: ['sh', '-c', script] }, [1]);
    notifier.send(runNotification('stalled', ['a', 'b'], 'fuse\nwas stopped'));
    await notifier.silent();
    const said = 'stalled|a and b: fuse was stopped|a b|\n';
    expect(await readFile(join(folder, 'said'), 'utf8')).to.equal(said + said);
    expect(lines.map(({ msg }) => msg)).to.eql(['notify failed: run: it ended with exit code 3, after 2 tries']);
  });

  it('shows it on the desktop, and nothing in the text is code or markup', async () => {
    const text = '<b>"a" & \\b';
    const mac = desktopCommand('darwin', { title: 'phasebox: x', text });
    expect([mac[0], ...mac.slice(-2)]).to.eql(['/usr/bin/osascript', 'phasebox: x', text]);
    expect(mac.slice(1, -2).join(' '), 'the text is only an argument').not.to.contain('"');
    const linux = desktopCommand('linux', { title: 'phasebox: x', text });
    expect(linux.slice(-3)).to.eql(['--', 'phasebox: x', '&lt;b&gt;"a" &amp; \\b']);
    if (process.platform === 'darwin') return;
    const { folder, notifier, lines } = await notifierOf({ desktop: true });
    await writeFile(join(folder, 'notify-send'), '#!/bin/sh\nprintf "%s\\n" "$@" >shown\n');
    await chmod(join(folder, 'notify-send'), 0o755);
    const { PATH } = process.env;
    try {
      process.env.PATH = `${folder}:${PATH}`;
      notifier.send(night);
      await notifier.silent();
    } finally {
      process.env.PATH = PATH;
    }
    expect(lines).to.eql([]);
    expect(await readFile(join(folder, 'shown'), 'utf8')).to.contain('phasebox: night finished\n3 runs finished\n');
  });
});
