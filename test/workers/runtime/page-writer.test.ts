import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { expect } from 'chai';
import { pino } from 'pino';
import type { PagesOrder, PagesReply } from '../../../src/io/page/pages-process.ts';
import { writePagesApart } from '../../../src/io/page/pages-process.ts';
import { openPageWriter } from '../../../src/workers/runtime/page-writer.ts';
import { makeRow } from '../../helpers/rows.ts';
import { makeWorkspace } from '../../helpers/stored.ts';
import { waitFor } from '../../helpers/temp.ts';

const log = pino({ level: 'silent' });
const written: PagesReply = { kind: 'written', warnings: [] };
const failed = (passes: boolean): PagesReply => ({ kind: 'failed', message: 'no', stack: 'no', passes });

/** A writer whose writings are answered one by one by `answer`. */
function writerWith(answer: (nth: number) => PagesReply) {
  const [orders, told]: [PagesOrder[], string[]] = [[], []];
  let [now, most] = [0, 0];
  const writer = openPageWriter({
    ...{
      workspace: { artifacts: '/artifacts', state: '/state' },
      log,
      pace: { quiet_ms: 10, again_ms: 1, busy_ms: 1 },
    },
    notice: ({ text }) => void told.push(text),
    async write(order) {
      most = Math.max(most, ++now);
      orders.push(order);
      await new Promise((resolve) => setImmediate(resolve));
      now--;
      return answer(orders.length);
    },
  });
  return { writer, orders, told, most: () => most };
}

describe('the pages behind the rows', () => {
  it('that cannot be written are reported once on the terminal, and written when they can be', async () => {
    const workspace = await makeWorkspace();
    const page = join(workspace.artifacts, 'COMPARISON.md');
    await mkdir(page, { recursive: true });
    const told: string[] = [];
    const notice = ({ text }: { readonly text: string }): void => void told.push(text);
    const writer = openPageWriter({ workspace, log, notice });
    writer.changed('43a');
    await waitFor('being told', () => told.length > 0);
    writer.changed('43b');
    await rm(page, { recursive: true });
    await writer.close();
    expect(told).to.have.length(1);
    expect(told[0]).to.match(
      /^the comparison could not be written; it is tried again, also by `phasebox report`. .*COMPARISON\.md cannot be read: it is not a regular file/s,
    );
    expect(await readFile(page, 'utf8')).to.contain('# Comparison: no run is finished yet');
  });

  it('are tried again after an error that can pass, with all that is due since', async () => {
    const { writer, orders, told, most } = writerWith((nth) => (nth < 4 ? failed(true) : written));
    writer.changed('43a');
    await waitFor('a second try', () => orders.length > 1);
    writer.changed('43b');
    await waitFor('the last try', () => orders.length > 3);
    await writer.close();
    expect(orders.at(-1)?.only).to.have.members(['43a', '43b']);
    expect(told).to.have.length(1);
    expect(most()).to.equal(1);
  });

  it('are not tried again after an error that does not pass, but with the next row', async () => {
    const { writer, orders, told } = writerWith((nth) => (nth === 1 ? failed(false) : written));
    writer.changed('43a');
    await waitFor('being told', () => told.length > 0);
    expect(told[0]).to.match(/it is tried again after the next row, and by `phasebox report`\. no$/);
    // A second try would have been made before this one, which began later.
    const later = writerWith(() => written);
    later.writer.changed('43c');
    await waitFor('another writer', () => later.orders.length > 0);
    await later.writer.close();
    expect(orders).to.have.length(1);
    writer.changed('43b');
    await writer.close();
    expect(orders.map(({ only }) => [...only].sort())).to.eql([['43a'], ['43a', '43b']]);
    expect(told).to.have.length(1);
  });

  it('of a thousand rows cost this process less than 100 ms in all, so that its event loop is never held that long', async () => {
    const { artifacts, state } = await makeWorkspace();
    const rows = Array.from({ length: 1000 }, (_, seed) => JSON.stringify(makeRow({ run: `43a-s${seed}`, seed })));
    await mkdir(artifacts, { recursive: true });
    await writeFile(join(artifacts, 'results.jsonl'), `${rows.join('\n')}\n`);
    const held = monitorEventLoopDelay({ resolution: 10 });
    held.enable();
    const before = process.cpuUsage();
    expect(await writePagesApart({ artifacts, state, only: [] })).to.deep.include({ kind: 'written' });
    const { user, system } = process.cpuUsage(before);
    held.disable();
    const figures = [(user + system) / 1000, held.max / 1e6].map((ms) => ms.toFixed(0));
    console.log(`      pages of 1,000 rows: ${figures[0]} ms of CPU here, event loop late by at most ${figures[1]} ms`);
    expect((user + system) / 1000).to.be.below(100);
    expect(await readFile(join(artifacts, 'report.html'), 'utf8')).to.contain('<svg');
  });

  it('are reported when their process dies', async () => {
    const reply = await writePagesApart({ artifacts: '/dev/null/artifacts', state: '/dev/null', only: [] });
    expect(reply).to.include({ kind: 'failed', passes: true });
  });
});
