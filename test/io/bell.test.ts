import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { expect } from 'chai';
import { pino } from 'pino';
import { openBell } from '../../src/io/bell.ts';
import { commandLine } from '../../src/io/tool/process-facts.ts';
import { makeRow } from '../helpers/rows.ts';
import { tempDir, waitFor } from '../helpers/temp.ts';

/** A bell in a folder of its own, and the lines that it logs. */
async function bellOf(argv: readonly string[] | undefined) {
  const folder = await tempDir('bell');
  const lines: { msg: string; run: string; output: string }[] = [];
  const log = pino({}, { write: (line: string) => void lines.push(JSON.parse(line)) });
  return { folder, lines, bell: openBell(argv, folder, log) };
}

describe('io/bell', () => {
  it('gives the row as JSON to the command, in the given folder', async () => {
    const { folder, lines, bell } = await bellOf(['sh', '-c', 'printf %s "$PHASEBOX_ROW" >row.json']);
    const row = makeRow({ run: 'q"uo te-s0' });
    bell.ring(row);
    await bell.silent();
    expect(JSON.parse(await readFile(join(folder, 'row.json'), 'utf8'))).to.eql(row);
    expect(lines).to.eql([]);
    await bell.close();
  });

  it('tells a failure with the end of what was said, and that there is no such command', async () => {
    const failing = await bellOf(['sh', '-c', 'echo no bell here; exit 7']);
    failing.bell.ring(makeRow({ run: 'p-s0' }));
    await failing.bell.silent();
    expect(failing.lines[0]).to.include({
      ...{ run: 'p-s0', output: 'no bell here\n', msg: 'notify failed: it ended with exit code 7' },
    });
    const absent = await bellOf([join(failing.folder, 'nothing')]);
    absent.bell.ring(makeRow());
    await absent.bell.silent();
    expect(absent.lines[0]?.msg).to.match(/^notify failed: spawn .*ENOENT/);
  });

  it('tells what cannot even be started: a row too large for the system, a command without a name', async () => {
    const { folder, lines, bell } = await bellOf(['sh', '-c', 'touch rung']);
    // 3 MB: more than Linux takes in one variable, and more than macOS takes in all.
    bell.ring(makeRow({ run: 'p-s0', warnings: ['x'.repeat(3_000_000)] }));
    await bell.silent();
    expect(lines).to.have.length(1);
    expect(lines[0]?.msg).to.match(/^notify failed: spawn E2BIG: the row is larger than/);
    bell.ring(makeRow());
    await bell.silent();
    expect(await readFile(join(folder, 'rung'), 'utf8'), 'the next row rings again').to.equal('');
    const nameless = await bellOf(['']);
    nameless.bell.ring(makeRow());
    await nameless.bell.silent();
    expect(nameless.lines[0]?.msg).to.match(/^notify failed: .*cannot be empty/);
  });

  it('ends a command that still runs when it is closed, with all that it started', async () => {
    const { folder, lines, bell } = await bellOf(['sh', '-c', 'sleep 600 & echo $! >pid.tmp; mv pid.tmp pid; wait']);
    bell.ring(makeRow());
    const pid = Number(await waitFor('the command', () => readFile(join(folder, 'pid'), 'utf8').catch(() => '')));
    await bell.close();
    expect(await commandLine(pid)).to.equal(null);
    expect(lines[0]?.msg).to.equal('notify failed: it still ran when phasebox went down');
  });

  it('does not wait for what a command leaves in the background with its output open', async () => {
    const { folder, lines, bell } = await bellOf([
      'sh',
      '-c',
      'n=0; while [ ! -e go ] && [ $n -lt 200 ]; do n=$((n+1)); sleep 0.05; done &',
    ]);
    bell.ring(makeRow());
    await bell.silent();
    expect(lines).to.eql([]);
    await writeFile(join(folder, 'go'), '');
    await bell.close();
  });

  it('leaves nothing behind for a row: a thousand rows warn of no leak', async () => {
    const warnings: string[] = [];
    const hear = (warning: Error): void => void warnings.push(warning.name);
    process.on('warning', hear);
    const { bell } = await bellOf(['true']);
    for (let ring = 0; ring < 12; ring++) bell.ring(makeRow());
    await bell.silent();
    await setImmediate();
    process.off('warning', hear);
    expect(warnings).to.eql([]);
    await bell.close();
  });

  it('is silent when there is no command', async () => {
    const { bell } = await bellOf(undefined);
    bell.ring(makeRow());
    await bell.silent();
    await bell.close();
  });
});
