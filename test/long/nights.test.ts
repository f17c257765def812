import { readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import type { Night } from '../../src/core/plan/night.ts';
import { demoEval, demoPhase, type Ended, type RealWorkspace, realWorkspace, told } from '../helpers/real-chain.ts';
import { testPython } from '../helpers/real-stage.ts';

/*
 * Nights with the real mlx_lm, against what was said of them before their first training and after a quarter of their
 * time. PHASEBOX_REAL_MODEL: the folder of a pretrained model; without it, its night is left out. PHASEBOX_ENV: more of
 * the tools' environment, such as LD_PRELOAD=libopenblas.so.0.
 */

const { PHASEBOX_REAL_MODEL: realModel, PHASEBOX_ENV: given = '' } = process.env;
const toolEnv = Object.fromEntries(given.split(' ').flatMap((one) => (one === '' ? [] : [one.split(/=(.*)/s, 2)])));
const between_ms = 2000;

interface Snapshot {
  readonly at: number;
  readonly night: Night;
}

const phase = (name: string, base: 'A' | 'B', train: object, over: object = {}) => {
  const whole = demoPhase(name, base, { eval: { ...demoEval, cost: false }, ...over });
  return { ...whole, train: { ...whole.train, ...train }, env: { ...whole.env, ...toolEnv } };
};

/** Phases of one night each. They differ in what decides memory, disk and time. */
const nights: Readonly<Record<string, readonly object[]>> = {
  'a mixture of experts, its longest rows, no fused model': [
    phase('a', 'A', { iters: 60, max_seq_length: 512 }, { fuse: { mode: 'none' } }),
  ],
  'two seeds of a dense model, batches of four': [phase('b', 'B', { iters: 60, batch_size: 4 }, { seeds: 2 })],
  'three variants of one training': [
    phase('c', 'A', { iters: 40 }, { variants: { q4: { fuse: { q_bits: 4 } }, raw: { fuse: { mode: 'none' } } } }),
  ],
  'two phases, one with gradient checkpoints': [
    phase('d', 'B', { iters: 60, batch_size: 8, grad_checkpoint: true }),
    phase('e', 'A', { iters: 40, batch_size: 1 }, { fuse: { mode: 'two_step' } }),
  ],
  ...(realModel === undefined
    ? {}
    : {
        'a pretrained model': [
          phase('p', 'A', { iters: 30, max_seq_length: 256, steps_per_eval: 15 }, { model: realModel }),
        ],
      }),
};

/** Runs `up --once` to its end. Returns what `status` said meanwhile. */
async function play(workspace: RealWorkspace): Promise<{ readonly up: Ended; readonly said: readonly Snapshot[] }> {
  const said: Snapshot[] = [];
  let up: Ended | null = null;
  const running = workspace.phasebox(['up', '--once', '--no-dashboard']).then((ended) => {
    up = ended;
    return ended;
  });
  while (up === null) {
    const status = await workspace.phasebox(['status', '--json']);
    if (status.code === 0) said.push({ at: Date.now(), night: JSON.parse(status.stdout).night });
    await Promise.race([running, delay(between_ms)]);
  }
  return { up: await running, said };
}

async function bytesBelow(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && /\.safetensors$|tokenizer\.json$/.test(entry.name));
  const sizes = await Promise.all(files.map(async (file) => (await stat(join(file.parentPath, file.name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

const percent = (part: number): string => `${part < 0 ? '' : '+'}${(100 * part).toFixed(1)} %`;
const gb = (bytes: number): number => bytes / 2 ** 30;

describe('what is said of a night, against what it was', function () {
  this.timeout(60 * 60_000);

  for (const [name, phases] of Object.entries(nights))
    it(name, async () => {
      const workspace = await realWorkspace();
      const settings = { python: testPython, disk_reserve_gb: 0, rehearsal: 'always' };
      await writeFile(join(workspace.root, 'phasebox.yaml'), JSON.stringify(settings));
      for (const [index, one] of phases.entries()) await workspace.drop(`${index}`, one as Record<string, unknown>);
      const { up, said } = await play(workspace);
      expect(up.code, told(up)).to.equal(0);
      const rows = [...(await workspace.rows()).values()];

      const rehearsed = said.filter(({ night }) => night.memory.peak_gb !== null && night.ends !== null);
      const [first] = rehearsed;
      if (first === undefined) throw new Error('the night was never seen between its rehearsal and its end');
      const end = Math.max(...rows.map(({ ended }) => Date.parse(ended)));
      const later = rehearsed.find(({ at }) => at - first.at >= (end - first.at) / 4) ?? first;
      const off = ({ at, night }: Snapshot): number => (Date.parse(night.ends ?? '') - end) / (end - at);
      const peak = gb(Math.max(...rows.map(({ training }) => training?.peak_bytes ?? 0)));
      const memory = (first.night.memory.peak_gb ?? 0) / peak - 1;
      const stays = gb(await bytesBelow(join(workspace.root, 'artifacts')));
      const disk = (first.night.disk.stay_gb ?? 0) / stays - 1;
      console.log(
        `      ${((end - first.at) / 1000).toFixed(0)} s after the rehearsals; end ${percent(off(first))}, after a quarter ${percent(off(later))}; ` +
          `memory ${first.night.memory.peak_gb} of ${peak.toFixed(3)} GB (${percent(memory)}); disk ${first.night.disk.stay_gb} of ${stays.toFixed(3)} GB (${percent(disk)})`,
      );
      expect(Math.abs(memory), 'memory').to.be.at.most(0.1);
    });
});
