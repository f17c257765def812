import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { followLog, logTail } from '../../../src/io/tool/follow-log.ts';
import { tempDir } from '../../helpers/temp.ts';

describe('io/tool/follow-log', () => {
  it('keeps the last lines of a log, of each its first 2,000 characters, and no progress bars', async () => {
    const log = join(await tempDir('log'), 'log.txt');
    const just = 'j'.repeat(2000);
    await writeFile(log, `gone\nfirst\n${'l'.repeat(140_000)}\n 50%|#####     | 5/10\n${just}\n`);
    const lines = await logTail(log, 3);
    expect(lines).to.deep.equal(['first', `${'l'.repeat(1999)}…`, just]);
  });

  it('keeps the exception of a log whose last lines are a long list', async () => {
    const log = join(await tempDir('log'), 'log.txt');
    const names = Array.from({ length: 500 }, (_, index) => `layers.${index}.weight,`);
    await writeFile(log, ['start', 'ValueError: Missing 500 parameters: ', ...names].join('\n'));
    const tail = await logTail(log, 20);
    expect(tail).to.have.length(20);
    expect(tail.slice(0, 2)).to.eql(['ValueError: Missing 500 parameters:', 'layers.0.weight,']);
    expect(tail.at(-1)).to.equal('layers.499.weight,');
  });

  it('rejects with what a line is refused for, and is not troubled by how the tool ends after that', async () => {
    const log = join(await tempDir('log'), 'log.txt');
    await writeFile(log, 'nan\n');
    let end: (error: Error) => void = () => undefined;
    const ended = new Promise<void>((_, reject) => {
      end = reject;
    });
    const loose: unknown[] = [];
    const hear = (reason: unknown): void => void loose.push(reason);
    process.on('unhandledRejection', hear);
    const refuse = (): never => {
      throw new Error('no number');
    };
    const told = await followLog(log, ended, refuse).catch(({ message }: Error) => message);
    const other = followLog(log, ended, () => undefined).catch(({ message }: Error) => message);
    end(new Error('no such folder'));
    expect([told, await other]).to.eql(['no number', 'no such folder']);
    await new Promise(setImmediate);
    process.off('unhandledRejection', hear);
    expect(loose, 'rejections that nobody took: they would end `up`').to.eql([]);
  });

  it('has nothing of a log that is not there', async () => {
    expect(await logTail(join(await tempDir('log'), 'log.txt'), 3)).to.deep.equal([]);
  });
});
