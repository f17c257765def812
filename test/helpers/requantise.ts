import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { execa } from 'execa';
import type { Cost } from '../../src/events/cost.ts';
import type { Row } from '../../src/events/row.ts';
import { demoEval, demoPhase, type RealWorkspace, realWorkspace, rowOf } from './real-chain.ts';
import { testPython } from './real-stage.ts';

const makeRows = resolve(import.meta.dirname, '../../demo/make/make_rows.py');

/** A small adapter on a 4-bit base: one training a seed, and each way to a model from it. The plain run is q5. */
const lowPhase = (seeds: readonly number[]) =>
  demoPhase('low', 'A', {
    data: 'data/low',
    seeds,
    train: {
      ...{ iters: 100, batch_size: 2, learning_rate: 1e-5, num_layers: 2, mask_prompt: true, max_seq_length: 128 },
      ...{ save_every: 100, steps_per_report: 50, steps_per_eval: 100, val_batches: 1 },
    },
    fuse: { mode: 'direct', q_bits: 5 },
    variants: { q4: { fuse: { q_bits: 4 } }, raw: { fuse: { mode: 'none' } } },
    // The base once: else each raw run asks it for its probabilities.
    eval: { ...demoEval, max_tokens: 60, base: true },
  });

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

const figuresOf = ({ run, overall, cost }: Row): string => {
  const { step, kept, snr, kl, top1, gain_kept } = (cost ?? {}) as Partial<Cost>;
  const figures = Object.entries({ overall, step, kept, snr, kl, top1, gain_kept });
  return `${run}: ${figures.map(([name, value]) => `${name} ${value?.toFixed(3) ?? '-'}`).join(', ')}`;
};

/** Tests what 4 and 5 bits leave of an adapter on a 4-bit base, on the mean of some seeds. */
export function requantise(seeds: readonly number[]): void {
  describe(`4 and 5 bits from one training, with the real mlx_lm, seeds: ${seeds.join(', ')}`, () => {
    let rows: ReadonlyMap<string, Row>;
    let workspace: RealWorkspace;

    before(async () => {
      workspace = await realWorkspace();
      const folder = join(workspace.root, 'data/low');
      await execa(testPython, [makeRows, folder, '--train', '240', '--domain-share', '0.12'], {
        env: { PYTHONDONTWRITEBYTECODE: '1' },
      });
      await workspace.drop('low', lowPhase(seeds));
      const up = await workspace.phasebox(['up', '--once', '--no-dashboard']);
      expect(up.code, up.stderr).to.equal(0);
      rows = await workspace.rows();
    });

    const row = (seed: number, variant = ''): Row => rowOf(rows, `low-s${seed}${variant}`);
    const lost = (variant: string): number =>
      mean(seeds.map((seed) => (row(seed, '-raw').overall ?? 0) - (row(seed, variant).overall ?? 0)));
    const all = (): string => [...rows.values()].map(figuresOf).join('\n');

    it('4 bits on the 4-bit base erase the adapter, and every row says so', () => {
      for (const { run, cost, warnings } of seeds.map((seed) => row(seed, '-q4'))) {
        expect(cost?.step, run).to.be.greaterThan(0).and.lessThan(0.3);
        expect(cost?.kept, run).to.be.greaterThan(0).and.lessThan(0.75);
        const [warning] = warnings.filter((text) => text.includes('is being erased'));
        expect(warning, run).to.match(/^4 bits on a 4-bit base, step 0\.\d\d, kept 0\.\d\d: .*; use 5 or 6 bits$/);
      }
      for (const seed of seeds) {
        const five = row(seed);
        expect(five.warnings.filter((text) => text.includes('erased'))).to.deep.equal([]);
        expect(five.cost?.kept).to.be.greaterThan(row(seed, '-q4').cost?.kept ?? 1);
        expect(row(seed, '-raw').cost).to.equal(null);
      }
    });

    it('against the adapter alone 4 bits lose more than 5 points in the mean, 5 bits at most 5', () => {
      expect(lost('-q4'), all()).to.be.greaterThan(5);
      expect(lost(''), all()).to.be.at.most(5);
    });
  });
}
