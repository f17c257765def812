import { join } from 'node:path';
import { stringify } from 'yaml';
import { writeBrokerNote } from '../../src/io/workspace/state-files.ts';
import { keepTogether } from '../../src/producers/kept-files.ts';
import { type Chain, config, makeChain, startTogether } from '../helpers/chain.ts';
import { endProcesses } from '../helpers/processes.ts';
import { waitFor } from '../helpers/temp.ts';

const short = { suite: 'pick.yaml', base: false, cost: false };
const bySuite = { by: 'suite', suite: 'pick.yaml' };

/** The suite that chooses checkpoints. */
const pick = stringify({
  suite: 'pick',
  prompts: ['look at it', 'lint it', 'test it'].map((prompt, index) => ({
    ...{ id: `s${index}`, category: 'domain', prompt, expect: ['read_file'] },
  })),
});

/** The first servers answer so many prompts each, then die: the third death in one attempt ends it. */
const dies = (...answers: number[]) => ({ serve: { answers } });

const configs: Readonly<Record<string, string>> = {
  '1': config('one', {
    eval: { suite: 'four.yaml', base: true, cost: true },
    select: bySuite,
    fuse: { mode: 'two_step', q_bits: 4, q_group_size: 32 },
    cleanup: { keep_checkpoints: 'selected' },
  }),
  '2': config('two', { criteria: { gate: 'overall >= 10' } }),
  '3': config('three', { scene: { lora: { nan: 10 } } }),
  '4': config('eval', { scene: dies(2, 0, 0) }),
  '5': config('select', { select: bySuite, scene: dies(4, 4, 0, 0, 0) }),
  '6': config('train', { scene: { lora: { hold: 'go' } } }),
  '7': stringify({ phase: 'five', from: { model: 'demo/models/A-base' }, eval: short }),
  '8': stringify({ phase: 'after', from: { run: 'two-s0', after: 'fuse' }, eval: short }),
};

/**
 * A night that was killed in the middle, with a file of every kind that phasebox writes: `one` and `two` are done, `three`
 * failed, `eval` and `select` are about to make a second attempt at the stage of their name, `train` was killed while it
 * trained, `five` waits, `after` starts from `two`, `fresh` was submitted and is not accepted yet.
 */
export async function prepareNight(): Promise<Chain> {
  const chain = await makeChain({ retry_pause_s: [3600] });
  await chain.write('pick.yaml', pick);
  const submit = async (names: readonly string[]): Promise<void> => {
    for (const name of names) await chain.write(`inbox/${name}.yaml`, configs[name] ?? '');
    await chain.phasebox('up', '--once', '--no-dashboard');
  };
  await submit(['1', '2', '3']);
  await chain.phasebox('pause');
  await chain.write('inbox/wrong.yaml', 'phase: wrong\n');
  await submit(['4', '5', '6', '7', '8']);
  await chain.phasebox('resume');
  await startTogether(chain, 'eval', 'select');
  const first = await chain.up();
  for (const run of ['eval', 'select'])
    await waitFor(`the failure of ${run}`, async () => /"retry_at":"/.test(await chain.read(journalOf(run))));
  await first.stop('SIGKILL');
  await startTogether(chain, 'train');
  const up = await chain.up();
  await waitFor('the training', async () => (await chain.calls('lora')).some(({ run }) => run === 'train-s0'));
  await up.stop('SIGKILL');
  await endProcesses(chain.root);
  await chain.release('go');
  await chain.write('phasebox.yaml', (await chain.read('phasebox.yaml')).replace('[3600]', '[0]'));
  for (const run of ['eval', 'select']) await makeDue(chain, journalOf(run));
  await leaveMore(chain);
  return chain;
}

const journalOf = (phase: string): string => `artifacts/${phase}/${phase}-s0/journal.jsonl`;

/** The pause before the second attempt is over. */
async function makeDue(chain: Chain, journal: string): Promise<void> {
  await chain.write(journal, (await chain.read(journal)).replace(/"retry_at":"\d{4}/, '"retry_at":"2020'));
}

/** What commands leave while no `up` lives. */
async function leaveMore(chain: Chain): Promise<void> {
  const state = join(chain.root, '.phasebox');
  await chain.phasebox('report'); // its pages may not have been written when it was killed
  await chain.phasebox('prioritize', 'after');
  // As a submission that was killed before it was accepted.
  await keepTogether(join(chain.root, 'inbox/.claimed'), [{ name: 'fresh.yaml', bytes: Buffer.from(config('fresh')) }]);
  await writeBrokerNote(state, { since: '2026-11-28T08:00:00.000Z', message: 'the broker is full' });
}
