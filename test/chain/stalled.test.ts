import { expect } from 'chai';
import type { JournalLine } from '../../src/events/run.ts';
import { commandLine } from '../../src/io/host/process-facts.ts';
import { config, makeChain } from '../helpers/chain.ts';
import { waitFor } from '../helpers/temp.ts';

type Failed = Extract<JournalLine, { event: 'failed' }>;

describe('a tool that stands still', () => {
  it('is stopped and tried again, while a command of the user may be silent for longer', async () => {
    const chain = await makeChain({ stall_minutes: 0.05, rehearsal: 'always' });
    try {
      const up = await chain.up();
      const preflight = [['sleep', '4']];
      await chain.write(
        'inbox/still.yaml',
        config('still', { preflight, scene: { rehearse: { hold: 'never' }, fuse_direct: { hold: 'go' } } }),
      );
      const failures = async (): Promise<Failed[]> => {
        const lines: readonly JournalLine[] = await chain.journal('still-s0').catch(() => []);
        return lines.filter((line) => line.event === 'failed');
      };
      await waitFor('the end of the tool', async () => (await failures()).length > 0);
      await chain.release('go');
      const row = await chain.row('still-s0');
      expect(row).to.deep.include({ status: 'done', error: null });
      expect(row.warnings.join('\n'), 'a rehearsal must not stop the night').to.match(
        /the rehearsal itself failed, .*neither its log nor its files have changed for/,
      );
      expect((await failures())[0]).to.include({ code: 'STALLED', stage: 'fuse', attempt: 1 });
      expect((await failures())[0]?.message).to.match(/neither its log nor its files have changed for/);
      const [first] = await chain.calls('fuse_direct');
      expect(await commandLine(first!.pid), 'the tool is gone').to.equal(null);
      expect((await chain.calls('lora')).length, 'what was done is not done again').to.equal(1);
      expect(await up.stop()).to.equal(0);
      expect(await chain.rows()).to.have.length(1);
    } finally {
      await chain.remove();
    }
  });
});
