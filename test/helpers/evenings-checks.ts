import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { goodPhase, ownOf, type Sabotage } from './evenings.ts';
import { type RealWorkspace, realWorkspace, told } from './real-chain.ts';
import { testPython } from './real-stage.ts';

const once = ['up', '--once', '--no-dashboard'];

async function submit({ phasebox, root }: RealWorkspace, name: string, config: object) {
  const file = join(root, `${name}.json`);
  await writeFile(file, JSON.stringify(config));
  return phasebox(['submit', file]);
}

/**
 * Tests that each sabotage is found before the first training and holds its phase alone. `andCorrected`: also that a
 * corrected file of the same name runs, which a stand-in shows in test/chain/rehearsal.test.ts.
 */
export function evening(title: string, sabotages: readonly Sabotage[], { andCorrected = false } = {}): void {
  const found = (sabotage: Sabotage): readonly string[] => (sabotage.found === 'inbox' ? [] : sabotage.found);
  const held = sabotages.filter(({ found }) => found !== 'inbox');

  describe(title, () => {
    let workspace: RealWorkspace;

    before(async () => {
      workspace = await realWorkspace();
      const settings = { python: testPython, disk_reserve_gb: 0, stage_retries: 0, rehearsal: 'always' };
      await writeFile(join(workspace.root, 'phasebox.yaml'), JSON.stringify(settings));
    });

    it('are refused by the inbox, or found by the rehearsal with cause and remedy; the good phase runs', async () => {
      for (const sabotage of sabotages) {
        const own = ownOf(workspace, sabotage.name);
        const config = goodPhase(sabotage.name, await sabotage.config?.(own));
        const ended = await submit(workspace, sabotage.name, config);
        expect(ended.code, `${sabotage.name}: ${told(ended)}`).to.equal(sabotage.found === 'inbox' ? 2 : 0);
        if (sabotage.found === 'inbox') expect(told(ended), sabotage.name).to.match(sabotage.says);
        await sabotage.later?.(own);
      }
      expect((await submit(workspace, 'good', goodPhase('good'))).code).to.equal(0);
      const up = await workspace.phasebox(once);
      expect(up.code, told(up)).to.equal(1);
      const status = JSON.parse((await workspace.phasebox(['status', '--json'])).stdout);
      for (const sabotage of held) {
        const run = status.runs.find((one: { run: string }) => one.run === `${sabotage.name}-s0`);
        const error = run?.rehearsed?.error;
        expect(run?.state, `${sabotage.name}: ${JSON.stringify(run)}`).to.equal('held');
        expect(found(sabotage), `${sabotage.name}: ${error?.message}`).to.include(error?.cause);
        expect(error?.message, sabotage.name).to.match(sabotage.says);
        expect(error?.remedy, sabotage.name).to.match(/\w{4}/);
        const journal = (await workspace.journal(`${sabotage.name}-s0`)).map(({ event }) => event);
        expect(journal, sabotage.name).to.eql(['accepted', 'rehearsed']);
      }
      const rows = await workspace.rows();
      expect([...rows.values()].map(({ run, status: how }) => [run, how])).to.eql([['good-s0', 'done']]);
      const lines = up.stdout.split('\n');
      const training = lines.findIndex((line) => line.includes('good-s0: train ...'));
      expect(lines.slice(training).join('\n')).not.to.match(/: (held|rehearsal)/);
    });

    const runCorrected = async (): Promise<void> => {
      for (const { name } of held) {
        const ended = await submit(workspace, name, goodPhase(name));
        expect(ended.code, `${name}: ${told(ended)}`).to.equal(0);
      }
      const up = await workspace.phasebox(once);
      expect(up.code, told(up)).to.equal(0);
      const rows = await workspace.rows();
      for (const { name } of held) expect(rows.get(`${name}-s0`)?.status, name).to.equal('done');
      const kept = await readdir(join(workspace.root, '.phasebox/rehearsals'));
      const works = await Promise.all(
        kept.map((name) => readFile(join(workspace.root, '.phasebox/rehearsals', name), 'utf8')),
      );
      const good = works.filter((text) => JSON.parse(text).result.error === null);
      expect(good, 'the corrected phases share the rehearsal of the good one').to.have.length(1);
    };
    if (andCorrected) it('are over when a corrected file of the same name is submitted', runCorrected);
  });
}
