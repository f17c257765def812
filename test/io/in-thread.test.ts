import { expect } from 'chai';
import { inThread } from '../../src/io/in-thread.ts';

const post = "require('node:worker_threads').parentPort.postMessage";
const failureOf = (script: string): Promise<unknown> => inThread(script, null).catch((error: unknown) => String(error));

describe('io/in-thread', () => {
  it('returns what the thread posts', async () => {
    expect(await inThread(`${post}(require('node:worker_threads').workerData + 1)`, 41)).to.equal(42);
  });

  it('rejects with what the thread throws, and when it ends without a word', async () => {
    expect(await failureOf("throw new Error('no disk')")).to.contain('no disk');
    expect(await failureOf('process.exit(3)')).to.contain('exit code 3');
  });
});
