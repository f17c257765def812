import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { readText } from '../../src/io/disk/files.ts';
import { config, makeChain } from '../helpers/chain.ts';
import { folder } from '../helpers/control.ts';
import { testPython } from '../helpers/real-stage.ts';
import { tempDir, waitFor } from '../helpers/temp.ts';

const linux = process.platform === 'linux' ? { MLX_DISABLE_COMPILE: '1' } : {};

/**
 * A module that Python imports when it starts. Once, the loss of iteration 15 never returns: iterations 1 and 10 also
 * validate, with 4 losses each. Until then a thread shows progress every 50 ms, because an import may take longer than
 * the limit of this test on a busy machine.
 */
const blockingLoss = `
import os, sys, threading, time

blocks = threading.Event()


def show_progress():
    while not blocks.wait(0.05):
        os.utime(1)


def block_once():
    from mlx.nn import losses

    cross_entropy, calls = losses.cross_entropy, 0

    def blocking(*args, **named):
        nonlocal calls
        calls += 1
        if calls == 23 and not os.path.exists("../blocked"):
            open("../blocked", "x").close()
            blocks.set()
            while True:
                time.sleep(1)
        return cross_entropy(*args, **named)

    losses.cross_entropy = blocking


threading.Thread(target=show_progress, daemon=True).start()
if any(word.endswith("train.py") for word in sys.orig_argv):
    block_once()
`;

/** An eval that loads no model: the training is what is tested. */
const score = 'echo \'{"id": "p0", "score": 1}\' >"$PHASEBOX_RESULTS"';

describe('a training with the real mlx_lm whose loss blocks', () => {
  it('is stopped and resumes from its last state: one row, and the same bytes as without the interruption', async () => {
    const chain = await makeChain({ python: testPython, stall_minutes: 0.08 }, linux);
    try {
      await chain.write('patch/sitecustomize.py', blockingLoss);
      const env = { ...linux, PYTHONPATH: join(chain.root, 'patch') };
      const evaluation = { suite: 'four.yaml', base: false, engine: { command: ['sh', '-c', score], server: false } };
      await chain.write('inbox/still.yaml', config('still', { env, fuse: { mode: 'none' }, eval: evaluation }));
      const up = await chain.start('up', '--once', '--no-dashboard');
      const whole = await uninterrupted(join(folder(chain, 'still-s0'), '.1-train.a1/train.yaml'));
      const { code, out, err } = await up.ended;
      expect([code, err], out).to.eql([0, '']);
      const [row, ...others] = await chain.rows();
      expect(others).to.eql([]);
      expect(row).to.deep.include({ run: 'still-s0', status: 'done', error: null });
      expect(row?.training?.resumed).to.eql([10]);
      const journal = await chain.journal('still-s0');
      const failures = journal.flatMap((line) => (line.event === 'failed' ? [line] : []));
      expect(failures.map((line) => [line.code, line.stage, line.attempt])).to.eql([['STALLED', 'train', 1]]);
      expect(failures[0]?.message).to.match(/neither its log nor its files have changed for/);
      const resumed = journal.filter(({ event }) => event === 'training_resumed');
      expect(resumed).to.have.length(1);
      expect(resumed[0]).to.include({ stage: 'train', attempt: 2, iteration: 10 });
      const adapter = await readFile(join(folder(chain, 'still-s0'), '1-train/adapter/adapters.safetensors'));
      expect(adapter.equals(whole), 'the same bytes').to.equal(true);
    } finally {
      await chain.remove();
    }
  });
});

/** The adapter of plain `mlx_lm lora` with the settings in a file, which is waited for. */
async function uninterrupted(settings: string): Promise<Buffer> {
  const text = await waitFor('the settings of the training', () => readText(settings), 90_000);
  const cwd = await tempDir('whole');
  await writeFile(join(cwd, 'train.yaml'), text);
  const env = { ...process.env, ...linux };
  await promisify(execFile)(testPython, ['-m', 'mlx_lm', 'lora', '-c', 'train.yaml'], { cwd, env });
  return readFile(join(cwd, 'adapter/adapters.safetensors'));
}
