import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { seeded } from '../helpers/crash.ts';
import { type MlxPython, mlxPythons } from '../helpers/mlx-versions.ts';
import { demoBase, testPython } from '../helpers/real-stage.ts';
import { tempDir } from '../helpers/temp.ts';
import { iterationOf, type Point, type Settings, smallData, Training, Trainings } from '../helpers/trainings.ts';

const run = promisify(execFile);

/*
 * Trainings that are interrupted at random, with each version of mlx_lm: the adapter must have the bytes of a plain
 * `mlx_lm lora` that was not interrupted. PHASEBOX_KILLS: how many (40); PHASEBOX_SEED draws them. PHASEBOX_MLX_CACHE:
 * a folder where the older versions are installed, and stay. PHASEBOX_REAL_MODEL: the folder of a pretrained model.
 */

const { PHASEBOX_KILLS: wanted = '40', PHASEBOX_REAL_MODEL: realModel } = process.env;
const seed = Number(process.env.PHASEBOX_SEED ?? Date.now() % 1_000_000);
const random = seeded(seed);
const draw = <T>(values: readonly [T, ...T[]]): T => values[Math.floor(random() * values.length)] ?? values[0];
const drawWhole = (lowest: number, highest: number): number => lowest + Math.floor(random() * (highest - lowest + 1));

interface Case {
  readonly model: 'MoE' | 'dense' | 'pretrained';
  readonly optimizer: string;
  readonly tune: string;
  readonly options: readonly string[];
  readonly settings: Settings;
  readonly stateEvery: number;
}

interface Inputs {
  readonly data: string;
  /** The dense model in float. */
  readonly float: string;
}

/** mlx_lm has no DoRA for the experts of a mixture. */
const attention = ['self_attn.q_proj', 'self_attn.v_proj'];

/** mlx has no gradient of quantized weights, so only `dense` in float can be tuned as a whole. */
async function unquantized(): Promise<string> {
  const folder = join(await tempDir('float'), 'model');
  const argv = ['-m', 'mlx_lm', 'convert', '--hf-path', demoBase('B'), '--mlx-path', folder, '--dequantize'];
  await run(testPython, argv, { env: { ...process.env, HF_HUB_OFFLINE: '1' } });
  return folder;
}

function drawCase({ data, float }: Inputs): Case {
  const model = draw<Case['model']>(realModel === undefined ? ['MoE', 'dense'] : ['MoE', 'dense', 'pretrained']);
  // mlx's Adafactor fails at the adapter of an expert, which has three dimensions.
  const optimizer = draw([
    'adam',
    'adamw',
    'muon',
    'adam',
    'adamw',
    'muon',
    'sgd',
    model === 'MoE' ? 'sgd' : 'adafactor',
  ]);
  const tune = draw(model === 'dense' ? ['lora', 'lora', 'dora', 'full'] : ['lora', 'lora', 'dora']);
  // An iteration of the pretrained model takes seconds on a CPU.
  const [iters, rows] = model === 'pretrained' ? [8, 1] : [drawWhole(20, 40), draw([1, 2, 3])];
  const [dropout, accumulation] = [draw([0, 0.1]), draw([1, 2, 3])];
  const [isScheduled, hasCheckpoints, isMasked] = [draw([true, false]), draw([true, false]), draw([true, false])];
  const schedule = { lr_schedule: { name: 'cosine_decay', warmup: 5, arguments: [2e-4, iters] } };
  const keys = tune === 'dora' && model === 'MoE' ? { keys: attention } : {};
  const settings = {
    model: { MoE: demoBase('A'), dense: tune === 'full' ? float : demoBase('B'), pretrained: realModel ?? '' }[model],
    ...{ data, train: true, seed: drawWhole(0, 9), iters, batch_size: rows, num_layers: draw([1, 2]) },
    ...{
      learning_rate: 2e-4,
      optimizer,
      fine_tune_type: tune,
      max_seq_length: 64,
      val_batches: rows === 1 ? 1 : draw([1, 2, -1]),
    },
    ...{ save_every: drawWhole(3, 9), steps_per_report: drawWhole(2, 7), steps_per_eval: drawWhole(4, 11) },
    ...{ grad_accumulation_steps: accumulation, grad_checkpoint: hasCheckpoints, mask_prompt: isMasked },
    ...(tune === 'full' ? {} : { lora_parameters: { rank: 4, dropout, scale: 20, ...keys } }),
    ...(isScheduled ? schedule : {}),
  };
  const options = [
    ...(dropout > 0 && tune !== 'full' ? ['dropout'] : []),
    ...(isScheduled ? ['schedule'] : []),
    ...(accumulation > 1 ? [`accumulation ${accumulation}`] : []),
    ...(hasCheckpoints ? ['grad_checkpoint'] : []),
    ...(isMasked ? ['mask_prompt'] : []),
  ];
  return { model, optimizer, tune, options, settings, stateEvery: drawWhole(1, 8) };
}

/** Where one process of a training ends. It has begun at `from` + 1. */
function drawPoint(from: number, iters: number): Point {
  const iteration = drawWhole(from + 1, Math.max(from + 1, iters - 3));
  const earlier: Point = draw<Point>([{ phase: from > 0 ? 'replaying' : 'loading' }, { phase: 'data' }]);
  const share = random();
  if (share < 0.15) return earlier;
  return share < 0.3 ? { phase: 'validation' } : iterationOf(iteration);
}

/** Interrupts a training `kills` times and then lets it end. Resolves to what was done, one phrase each. */
async function interrupt(training: Training, { settings, stateEvery }: Case, kills: number): Promise<string[]> {
  const options = ['--state-every', String(stateEvery)];
  const done: string[] = [];
  for (let kill = 0; kill < kills; kill += 1) {
    const from = (await training.saved()).at(-1) ?? 0;
    const begun = (await training.begun()).length;
    const point = drawPoint(from, Number(settings.iters));
    if (random() < 0.3) {
      const { code, log } = await training.pauseAt(point, options);
      // A pause that finds no optimizer step left to wait for lets the training end.
      expect(code, log).to.be.oneOf([10, 0]);
      done.push(`${code === 10 ? 'pause' : 'end'} at ${point.iteration ?? point.phase}`);
    } else {
      const later_ms = drawWhole(0, 60);
      const code = await training.killAt(point, options, later_ms);
      expect(code, await training.log()).to.be.oneOf([-9, 0]);
      done.push(`${code === -9 ? 'kill' : 'end'} at ${point.iteration ?? point.phase}+${later_ms} ms`);
    }
    expect((await training.begun())[begun] ?? from + 1, 'the first iteration after it').to.equal(from + 1);
  }
  const from = (await training.saved()).at(-1) ?? 0;
  const begun = (await training.begun()).length;
  const { code, log } = await training.resume(...options);
  expect(code, log).to.equal(0);
  expect((await training.begun())[begun], 'the first iteration after it').to.equal(from + 1);
  return done;
}

describe(`trainings that are interrupted ${wanted} times, seed ${seed}`, () => {
  let inputs: Inputs;
  let pythons: MlxPython[];
  const started = new Map<string, Trainings>();
  const rows: string[][] = [];

  before(async function () {
    this.timeout(30 * 60_000);
    inputs = { data: await smallData(), float: await unquantized() };
    const found = await mlxPythons(process.env.PHASEBOX_MLX_CACHE ?? (await tempDir('mlx')));
    pythons = found.pythons;
    for (const { version, python } of pythons) started.set(version, new Trainings(python));
    for (const line of found.skipped) process.stdout.write(`      skipped: ${line}\n`);
    if (realModel === undefined) process.stdout.write('      skipped: a pretrained model (PHASEBOX_REAL_MODEL)\n');
  });
  after(async () => {
    for (const trainings of started.values()) await trainings.end();
    const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
    for (const row of rows)
      process.stdout.write(`      ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}\n`);
  });

  it('each has the bytes of the uninterrupted one', async function () {
    this.timeout(100 * 60_000);
    rows.push(['mlx_lm', 'model', 'tuned', 'optimizer', 'options', 'interrupted', 'result']);
    const wrong: string[] = [];
    for (let count = 0; count < Number(wanted); ) {
      const one = drawCase(inputs);
      const { version } = pythons[rows.length % pythons.length] ?? { version: '' };
      const trainings = started.get(version);
      if (trainings === undefined) throw new Error(`no Python with mlx_lm ${version}`);
      const whole = await Training.make(trainings, one.settings);
      const plain = await whole.plain();
      expect(plain.code, `${JSON.stringify(one)}\n${plain.log}`).to.equal(0);
      const training = await Training.make(trainings, one.settings);
      const kills = Math.min(drawWhole(1, 3), Number(wanted) - count);
      const result = await interrupt(training, one, kills).then(
        async (done) => {
          count += done.filter((what) => !what.startsWith('end')).length;
          const isSame = JSON.stringify(await training.adapter()) === JSON.stringify(await whole.adapter());
          return [done.join(', '), isSame ? 'same bytes' : 'OTHER BYTES'];
        },
        (error: Error) => {
          count += kills;
          return ['', `FAILED: ${error.message}`];
        },
      );
      rows.push([version, one.model, one.tune, one.optimizer, one.options.join(', '), ...result]);
      if (result[1] !== 'same bytes') wrong.push(`${JSON.stringify(one)}, ${training.folder}: ${result.join(': ')}`);
    }
    expect(wrong.join('\n')).to.equal('');
  });
});
