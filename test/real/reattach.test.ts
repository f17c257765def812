import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse, stringify } from 'yaml';
import { readText } from '../../src/io/disk/files.ts';
import { type Chain, makeChain } from '../helpers/chain.ts';
import { testPython } from '../helpers/real-stage.ts';
import { waitFor } from '../helpers/temp.ts';

/* The real mlx_lm goes on while `up` is dead: kill -9 in the training, and again between two answers. */

const linux = process.platform === 'linux' ? { MLX_DISABLE_COMPILE: '1' } : {};

describe('kill -9 of up with the real mlx_lm', () => {
  let chain: Chain;
  before(async () => {
    chain = await makeChain({ python: testPython }, linux);
  });
  after(() => chain.remove());

  const run = (): string => join(chain.root, 'artifacts/A/A-s0');

  it('a training and an eval each continue to one row, the training started once, each answer kept once', async () => {
    const demo = parse(await chain.read('demo/A.yaml'));
    await chain.write('inbox/A.yaml', stringify({ ...demo, eval: { ...demo.eval, base: false } }));
    let up = await chain.up();
    const attempt = join(run(), '.1-train.a1');
    const progress = async () => /save|Saved/.test((await readText(join(attempt, 'log.txt'))) ?? '');
    await waitFor('a first checkpoint', progress, 90_000);
    const leader = await readFile(join(attempt, 'started'), 'utf8');
    await up.stop('SIGKILL');
    expect(await readText(join(attempt, 'exit')), 'the training was over before the kill').to.equal(null);
    up = await chain.up();
    await waitFor('its being taken up', async () =>
      (await chain.phasebox('status', '--json')).out.includes('"running"'),
    );
    expect(await readText(join(attempt, 'started'))).to.be.oneOf([leader, null]);

    const answers = join(run(), '.6-eval.a1/answers.jsonl');
    const first = await waitFor(
      'two answers',
      async () => {
        const text = (await readText(answers)) ?? '';
        return text.split('\n').length > 2 ? text : null;
      },
      90_000,
    );
    await up.stop('SIGKILL');
    up = await chain.up();
    const row = await waitFor('the row', async () => (await chain.rows())[0], 90_000);
    expect(row).to.include({ run: 'A-s0', status: 'done' });

    const journal = await chain.journal('A-s0');
    const trained = journal.filter((line) => line.event === 'tool_started' && line.argv.join(' ').includes('train.py'));
    expect(trained.length).to.equal(1);
    expect(journal.filter(({ event }) => event === 'failed')).to.eql([]);
    const kept = await readFile(join(run(), '6-eval/answers.jsonl'), 'utf8');
    expect(kept.startsWith(first)).to.equal(true);
    const asked = kept
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { prompt: string; repeat: number });
    expect(new Set(asked.map(({ prompt, repeat }) => `${prompt} ${repeat}`)).size).to.equal(asked.length);
    expect(await up.stop()).to.equal(0);
  });
});
