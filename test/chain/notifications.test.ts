import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import type { Notification } from '../../src/events/notification.ts';
import { type Chain, config, makeChain } from '../helpers/chain.ts';
import { waitFor } from '../helpers/temp.ts';

const error = {
  ...{ cause: 'bad_rows', kind: 'BAD_DATA', message: 'train.jsonl, line 9: not JSON' },
  remedy: 'Correct or remove these rows.',
};

describe('notifications of a night', () => {
  let [server, chain]: [Server | null, Chain | null] = [null, null];
  let webhook = '';
  const received: Notification[] = [];
  const of = (event: Notification['event']): Notification[] => received.filter((one) => one.event === event);

  before(async () => {
    const own = createServer((request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      request.on('end', () => {
        received.push(JSON.parse(body));
        response.end();
      });
    });
    server = own;
    await new Promise<void>((resolve) => own.listen(0, '127.0.0.1', resolve));
    webhook = `http://127.0.0.1:${(own.address() as AddressInfo).port}/hook`;
  });
  after(async () => {
    server?.close();
    await chain?.remove();
  });

  it('a held run, a failed one, a tool that stands still, each result, and the sum at the end of `up --once`', async () => {
    const events = ['row', 'failed', 'held', 'stalled', 'night_done', 'waiting_for_disk'];
    const settings = { rehearsal: 'always', stall_minutes: 0.05, notify: { webhook, events } };
    const own = await makeChain(settings);
    chain = own;
    await own.write('inbox/done.yaml', config('done', { scene: { fuse_direct: { hold: 'go' } } }));
    await own.write('inbox/held.yaml', config('held', { scene: { rehearse: { error } } }));
    await own.write('inbox/lost.yaml', config('lost', { preflight: [['false']] }));
    const up = await own.start('up', '--once', '--no-dashboard');
    await waitFor('the tool that stands still', () => of('stalled').length > 0);
    await own.release('go');
    expect(await up.ended).to.include({ code: 1 });
    const [held] = of('held');
    expect(held).to.eql({
      ...{ event: 'held', runs: ['held-s0'], row: null },
      text: 'held-s0: held. train.jsonl, line 9: not JSON. Correct or remove these rows.',
    });
    expect(of('stalled')[0]?.text).to.match(/^done-s0: fuse was stopped: .*neither its log nor its files have changed/);
    const [failed, done] = [of('failed'), of('row')];
    expect(failed.map(({ runs }) => runs)).to.eql([['lost-s0']]);
    expect(failed[0]?.row?.error).to.include({ code: 'PREFLIGHT_FAILED' });
    expect(done.map(({ row }) => row)).to.eql([(await own.rows()).find(({ run }) => run === 'done-s0')]);
    const [night] = of('night_done');
    expect(of('night_done')).to.have.length(1);
    expect(received.at(-1)).to.eql(night);
    expect(night?.text).to.match(
      /^2 runs finished in .*: 1 done, 1 failed\. Highest score: \d+\.\d % \(done-s0\)\. Failed: lost-s0 \(PREFLIGHT_FAILED\)\. Left: 1 held\.$/,
    );
  });

  it('says once that a run waits for disk space; and the night is done while `up` continues to watch', async () => {
    await chain?.remove();
    received.length = 0;
    const notify = { webhook };
    const own = await makeChain({ disk_reserve_gb: 1e9, notify });
    chain = own;
    await own.write('inbox/p.yaml', config('p'));
    const first = await own.up();
    await waitFor('the notification', () => received.length > 0);
    expect(received.map(({ event, runs }) => [event, runs])).to.eql([['waiting_for_disk', ['p-s0']]]);
    expect(received[0]?.text).to.match(/^p-s0: train waits for disk space: .*disk_reserve_gb/);
    expect(await first.stop('SIGTERM')).to.equal(0);
    const yaml = JSON.parse(await own.read('phasebox.yaml')) as object;
    await own.write('phasebox.yaml', JSON.stringify({ ...yaml, disk_reserve_gb: 0 }));
    const second = await own.up();
    await waitFor('the end of the night', () => of('night_done').length > 0);
    expect(received.map(({ event }) => event)).to.eql(['waiting_for_disk', 'night_done']);
    expect(of('night_done')[0]?.text).to.match(/^1 run finished in .*: 1 done\. Highest score: /);
    expect(await second.stop()).to.equal(0);
    expect(received, 'not again when `up` ends').to.have.length(2);
  });
});
