import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { expect } from 'chai';
import { pino } from 'pino';
import { rowNotification } from '../../../src/core/run/notification.ts';
import { commandLine } from '../../../src/io/host/process-facts.ts';
import { openNotifier } from '../../../src/io/workspace/notifier.ts';
import { makeRow } from '../../helpers/rows.ts';
import { tempDir, waitFor } from '../../helpers/temp.ts';

/** A notifier in a folder of its own, and the lines that it logs. */
async function bellOf(argv: readonly string[] | undefined) {
  const folder = await tempDir('notifier');
  const lines: { msg: string; run: string; output: string }[] = [];
  const log = pino({}, { write: (line: string) => void lines.push(JSON.parse(line)) });
  return { folder, lines, notifier: openNotifier(argv === undefined ? undefined : [...argv], { cwd: folder, log }) };
}

describe('io/notifier', () => {
  it('gives the row as JSON to the command, in the given folder', async () => {
    const { folder, lines, notifier } = await bellOf(['sh', '-c', 'printf %s "$PHASEBOX_ROW" >row.json']);
    const row = makeRow({ run: 'q"uo te-s0' });
    notifier.send(rowNotification(row));
    await notifier.silent();
    expect(JSON.parse(await readFile(join(folder, 'row.json'), 'utf8'))).to.eql(row);
    expect(lines).to.eql([]);
    await notifier.close();
  });

  it('tells a failure with the end of what was said, and that there is no such command', async () => {
    const failing = await bellOf(['sh', '-c', 'echo no notifier here; exit 7']);
    failing.notifier.send(rowNotification(makeRow({ run: 'p-s0' })));
    await failing.notifier.silent();
    expect(failing.lines[0]).to.include({
      ...{ run: 'p-s0', output: 'no notifier here\n', msg: 'notify failed: it ended with exit code 7' },
    });
    const absent = await bellOf([join(failing.folder, 'nothing')]);
    absent.notifier.send(rowNotification(makeRow()));
    await absent.notifier.silent();
    expect(absent.lines[0]?.msg).to.match(/^notify failed: spawn .*ENOENT/);
  });

  it('tells what cannot even be started: a row too large for the system, a command without a name', async () => {
    const { folder, lines, notifier } = await bellOf(['sh', '-c', 'touch rung']);
    // 3 MB: more than Linux takes in one variable, and more than macOS takes in all.
    notifier.send(rowNotification(makeRow({ run: 'p-s0', warnings: ['x'.repeat(3_000_000)] })));
    await notifier.silent();
    expect(lines).to.have.length(1);
    expect(lines[0]?.msg).to.match(/^notify failed: spawn E2BIG: the row is larger than/);
    notifier.send(rowNotification(makeRow()));
    await notifier.silent();
    expect(await readFile(join(folder, 'rung'), 'utf8'), 'the next row rings again').to.equal('');
    const nameless = await bellOf(['']);
    nameless.notifier.send(rowNotification(makeRow()));
    await nameless.notifier.silent();
    expect(nameless.lines[0]?.msg).to.match(/^notify failed: .*cannot be empty/);
  });

  it('ends a command that still runs when it is closed, with all that it started', async () => {
    const { folder, lines, notifier } = await bellOf([
      'sh',
      '-c',
      'sleep 600 & echo $! >pid.tmp; mv pid.tmp pid; wait',
    ]);
    notifier.send(rowNotification(makeRow()));
    const pid = Number(await waitFor('the command', () => readFile(join(folder, 'pid'), 'utf8').catch(() => '')));
    await notifier.close();
    expect(await commandLine(pid)).to.equal(null);
    expect(lines[0]?.msg).to.equal('notify failed: it still ran when phasebox stopped');
  });

  it('does not wait for what a command leaves in the background with its output open', async () => {
    const { folder, lines, notifier } = await bellOf([
      'sh',
      '-c',
      'n=0; while [ ! -e go ] && [ $n -lt 200 ]; do n=$((n+1)); sleep 0.05; done &',
    ]);
    notifier.send(rowNotification(makeRow()));
    await notifier.silent();
    expect(lines).to.eql([]);
    await writeFile(join(folder, 'go'), '');
    await notifier.close();
  });

  it('leaves nothing behind for a row: a thousand rows warn of no leak', async () => {
    const warnings: string[] = [];
    const hear = (warning: Error): void => void warnings.push(warning.name);
    process.on('warning', hear);
    const { notifier } = await bellOf(['true']);
    for (let ring = 0; ring < 12; ring++) notifier.send(rowNotification(makeRow()));
    await notifier.silent();
    await setImmediate();
    process.off('warning', hear);
    expect(warnings).to.eql([]);
    await notifier.close();
  });

  it('is silent when there is no command', async () => {
    const { notifier } = await bellOf(undefined);
    notifier.send(rowNotification(makeRow()));
    await notifier.silent();
    await notifier.close();
  });
});
