import { copyFile, cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { execa } from 'execa';
import { toolEnv } from '../../src/core/mlx/python.ts';
import { readAnswers } from '../../src/core/score/answers.ts';
import type { Cost } from '../../src/events/cost.ts';
import type { Row } from '../../src/events/row.ts';
import { type StageName, stageFolder } from '../../src/events/stages.ts';
import {
  contents,
  demoEval,
  type Ended,
  moePhase,
  type Night,
  night,
  type RealWorkspace,
  rowOf,
  scored,
  scoresOf,
  told,
} from '../helpers/real-chain.ts';
import { testPython } from '../helpers/real-stage.ts';
import { grabPorts, hubCache } from '../helpers/strangers.ts';
import { tempDir } from '../helpers/temp.ts';
import { tensors, unquantized } from '../helpers/weights-seen.ts';

const runs = ['moe-s0', 'moe-s0-two', 'moe-s0-q4', 'moe-s0-raw', 'dense-s0', 'dense-two-s0'];
/** By `direct` and by `two_step`: of one training (MoE), and of two that were given the same (dense). */
const pairs: readonly (readonly [string, string])[] = [
  ['moe-s0', 'moe-s0-two'],
  ['dense-s0', 'dense-two-s0'],
];
const directs = ['moe-s0', 'moe-s0-q4', 'dense-s0'];
const trained = ['moe-s0', 'dense-s0', 'dense-two-s0'];

describe('the chain with the real mlx_lm, one `up --once`', () => {
  let lived: Night;
  let workspace: RealWorkspace;
  before(async () => {
    lived = await night();
    workspace = lived.workspace;
  });

  const row = (run: string): Row => rowOf(lived.rows, run);
  const model = (run: string): string =>
    join(workspace.at(run, row(run).seconds.quantize === undefined ? 'fuse' : 'quantize'), 'model');

  it('ends with a row done for every run, one after the other', async () => {
    expect(lived.up.code, told(lived.up)).to.equal(0);
    expect([...lived.rows.keys()]).to.deep.equal(runs);
    expect(runs.map((run) => row(run).status)).to.deep.equal(runs.map(() => 'done'));
    const journals = await Promise.all(runs.map((run) => workspace.journal(run)));
    const times = journals.map((lines) =>
      ['started', 'row'].map((event) => lines.find((one) => one.event === event)?.at),
    );
    const order = times.flat();
    expect(order).to.not.include(undefined);
    expect(order, 'a run starts when the one before it is over, cleaned up included').to.deep.equal(order.toSorted());
    expect(lived.up.stdout).to.contain('dense-two-s0:');
  });

  it('direct and two_step make the same model to the byte, and it scores the same', async () => {
    for (const [direct, two] of pairs) {
      const files = await contents(model(direct));
      expect(Object.keys(files)).to.include.members(['config.json', 'model.safetensors', 'tokenizer.json']);
      expect(Object.keys(files)).to.include('tokenizer_config.json');
      expect(await contents(model(two)), `${direct} and ${two}`).to.deep.equal(files);
      expect(row(two).custody.model)
        .to.match(/^[0-9a-f]{64}$/)
        .and.to.equal(row(direct).custody.model);
      expect(scoresOf(row(two))).to.deep.equal(scoresOf(row(direct)));
      expect(row(two).eval_identity).to.equal(row(direct).eval_identity);
      const [one, other] = await Promise.all([direct, two].map((run) => workspace.manifest(run, 'eval')));
      expect(other?.made.score).to.deep.equal(one?.made.score);
      expect(model(two)).to.contain('4-quantize');
    }
    expect(row('moe-s0').custody.model).to.not.equal(row('dense-s0').custody.model);
    // An adapter that does nothing would be the same in all modes too.
    const base = row('dense-s0').base;
    expect(base?.overall).to.be.a('number').and.not.to.equal(row('dense-s0').overall);
  });

  it('the commands that `plan` prints make the same models to the byte when a shell runs them', async () => {
    const config = join(workspace.root, 'moe.json');
    await writeFile(config, JSON.stringify(moePhase));
    const planned = await workspace.phasebox(['plan', config]);
    expect(planned.code, told(planned)).to.equal(0);
    const byHand = join(await tempDir('by-hand'), "it's by hand");
    // The printed commands read the training's adapter and a fused model below artifacts/moe: here these are our own.
    const artifacts = join(workspace.root, 'artifacts/moe');
    const printed = planned.stdout.replaceAll(`'${artifacts}`, `"$BY_HAND"'`);
    await cp(workspace.at('moe-s0', 'train'), join(byHand, 'moe-s0/1-train'), { recursive: true });
    for (const [run, stages] of [
      ['moe-s0', ['fuse']],
      ['moe-s0-two', ['fuse', 'quantize']],
      ['moe-s0-q4', ['fuse']],
    ] as const) {
      for (const stage of stages) {
        const cwd = join(byHand, run, stageFolder(stage));
        await mkdir(cwd, { recursive: true });
        const commands = printedCommands(printed, run, stage);
        const env = { ...toolEnv({ MLX_DISABLE_COMPILE: '1' }), BY_HAND: byHand };
        const { exitCode, all } = await execa('sh', ['-euc', commands], { cwd, env, reject: false, all: true });
        expect(exitCode, `${commands}\n${all}`).to.equal(0);
      }
      const made = join(byHand, run, stageFolder(stages.at(-1) ?? 'fuse'), 'model');
      expect(await contents(made), run).to.deep.equal(await contents(model(run)));
    }
  });

  it('the scores of a row are those of its kept answers', async () => {
    // the others give the same model or the same score as one of these
    const three = ['moe-s0', 'moe-s0-raw', 'dense-two-s0'];
    await Promise.all(
      three.map(async (run) => {
        const file = join(workspace.at(run, 'eval'), 'answers.jsonl');
        const { overall, strict, categories, modes } = await scored(workspace, file);
        expect({ overall, strict, categories, modes }).to.deep.equal({
          ...{ overall: row(run).overall, strict: row(run).strict },
          ...{ categories: row(run).categories, modes: row(run).modes },
        });
        expect(readAnswers(await readFile(file, 'utf8')).answers).to.have.length(27);
      }),
    );
  });

  it('variants share one training: the tool started once', async () => {
    const journals = await Promise.all(runs.map(async (run) => [run, await workspace.journal(run)] as const));
    const started = journals.flatMap(([run, lines]) =>
      lines.flatMap((line) =>
        line.event === 'tool_started' && line.argv.some((arg) => arg.endsWith('/train.py')) ? [run] : [],
      ),
    );
    expect(started).to.deep.equal(trained);
    const adapter = row('moe-s0').custody.adapter;
    expect(adapter).to.match(/^[0-9a-f]{64}$/);
    for (const variant of ['moe-s0-two', 'moe-s0-q4', 'moe-s0-raw']) {
      expect(row(variant).custody.adapter, variant).to.equal(adapter);
      expect(Object.keys(row(variant).seconds)).to.not.include('train');
    }
  });

  it('q4 has four bits, raw is base and adapter served together', async () => {
    const bits = async (run: string): Promise<number> => {
      const { quantization } = JSON.parse(await readFile(join(model(run), 'config.json'), 'utf8'));
      return quantization.bits;
    };
    expect([await bits('moe-s0'), await bits('moe-s0-q4')]).to.deep.equal([5, 4]);
    expect(row('moe-s0-q4').bytes.final).to.be.lessThan(row('moe-s0').bytes.final ?? 0);
    expect(row('moe-s0-raw').custody).to.deep.include({ model: null, base: row('moe-s0').custody.base });
    expect(Object.keys(row('moe-s0-raw').seconds)).to.deep.equal(['eval']);
    const { argv } = JSON.parse(
      await readFile(join(workspace.at('moe-s0-raw', 'eval'), 'server/command.json'), 'utf8'),
    );
    expect(argv).to.include.members([
      join(workspace.root, 'demo/models/A-base'),
      '--adapter-path',
      join(workspace.at('moe-s0', 'train'), 'adapter'),
    ]);
  });

  it('direct: its attempt folder never holds a quantised weight unquantized, and is no larger than the model', async () => {
    for (const [direct, two] of pairs) {
      const final = (await tensors(join(model(direct), 'model.safetensors'))) ?? {};
      const [seen, control] = [lived.fusing.get(direct), lived.fusing.get(two)];
      if (seen === undefined || control === undefined) throw new Error('not watched');
      expect(unquantized(control, final), 'what this watch sees of two_step').to.have.length.greaterThan(10);
      expect(unquantized(seen, final)).to.deep.equal([]);
      const attempt = workspace.attempt(direct, 'fuse');
      const weights = [...seen.files.keys()].filter((path) => /\.(safetensors|npz|gguf|bin|pt)$/.test(path));
      expect(weights).to.deep.equal([join(attempt, 'model/model.safetensors')]);
      expect(seen.peak).to.be.lessThan(control.peak);
    }
    for (const run of directs) {
      const { peak_bytes } = await workspace.manifest(run, 'fuse');
      expect(peak_bytes / (row(run).bytes.final ?? 0), run).to.be.within(1, 1.2);
    }
  });

  /** Three states, each with the weights of an adapter and two moments. */
  const statesOf = async (run: string): Promise<number> => {
    if (!trained.includes(run)) return 0;
    const { outputs } = await workspace.manifest(run, 'train');
    return 9 * (outputs.find(({ path }) => path === 'adapter/adapters.safetensors')?.bytes ?? 0);
  };

  it('the temporary bytes of a row are what was there in addition to what stays, near what was reserved', async () => {
    for (const run of runs) {
      const { temp_peak, estimated_peak } = row(run).bytes;
      if (temp_peak === null || estimated_peak === null) throw new Error(`${run} has no peak`);
      const allowed = Math.max(0.1 * temp_peak, 64 * 1024);
      // A short training makes fewer states than are reserved, and the folder is only looked at every second.
      const states = await statesOf(run);
      const least = estimated_peak - states - allowed;
      expect(temp_peak, `${run}: ${temp_peak}, ${estimated_peak}`).to.be.within(least, estimated_peak + allowed);
    }
    for (const run of [...directs, 'moe-s0-raw'])
      expect(row(run).bytes.temp_peak, run).to.be.lessThan(32 * 1024 + (await statesOf(run)));
    const { outputs, removed } = await workspace.manifest('moe-s0-two', 'fuse');
    const floats = outputs.filter(({ path }) => removed?.paths.includes(path));
    const bytes = floats.reduce((sum, output) => sum + output.bytes, 0);
    expect(bytes).to.be.greaterThan(2 * (row('moe-s0').bytes.final ?? 0));
    expect(row('moe-s0-two').bytes.temp_peak).to.be.within(bytes - 32 * 1024, bytes + 32 * 1024);
    const checkpoints = (await workspace.manifest('dense-two-s0', 'train')).removed?.paths;
    expect(checkpoints).to.deep.equal([10, 20].map((n) => `adapter/00000${n}_adapters.safetensors`));
  });
});

describe('runs that begin later, and strangers, with the real mlx_lm', () => {
  let before_: Night;
  let workspace: RealWorkspace;
  let up: Ended;
  let rows: ReadonlyMap<string, Row>;
  let strangers: { readonly taken: number; readonly asked: number }[] = [];

  before(async () => {
    before_ = await night();
    workspace = before_.workspace;
    const final = join(workspace.at('moe-s0', 'fuse'), 'model');
    const adapter = join(workspace.at('moe-s0', 'train'), 'adapter');
    const judged = (phase: string) => ({ phase, from: { model: final }, eval: demoEval, env: moePhase.env });
    await workspace.drop('4', judged('kept'));
    await workspace.drop('5', judged('lost'));
    const { model, env } = moePhase;
    const fuse = { mode: 'direct', q_bits: 5 };
    await workspace.drop('6', { phase: 'early', model, from: { adapter, checkpoint: 10 }, fuse, eval: demoEval, env });
    const cache = await hubCache(workspace.root, ['A', 'B']);
    const command = (run: string): string => join(workspace.attempt(run, 'eval'), 'server/command.json');
    const grabbers = [grabPorts(command('kept-s0'), 2), grabPorts(command('lost-s0'), 100)];
    try {
      const hub = { HF_HUB_CACHE: cache, HF_HOME: join(workspace.root, 'huggingface') };
      up = await workspace.phasebox(['up', '--once', '--no-dashboard'], hub);
    } finally {
      strangers = await Promise.all(grabbers.map((grabber) => grabber.close()));
    }
    rows = await workspace.rows();
  });

  it("a model from outside scores as the run that made it, next to other models in the Hub's cache and on its port", () => {
    expect(strangers[0]?.taken, 'ports taken by the look-alike').to.equal(2);
    expect(rowOf(rows, 'kept-s0'), told(up)).to.include({ status: 'done', model: null });
    expect(scoresOf(rowOf(rows, 'kept-s0'))).to.deep.equal(scoresOf(rowOf(before_.rows, 'moe-s0')));
    expect(rowOf(rows, 'kept-s0').custody.model).to.equal(rowOf(before_.rows, 'moe-s0').custody.model);
  });

  it('a look-alike that takes every port is never asked: WRONG_SERVER', () => {
    const lost = rowOf(rows, 'lost-s0');
    expect(lost).to.include({ status: 'failed', overall: null });
    expect(lost.error).to.include({ code: 'WRONG_SERVER', stage: 'eval' });
    expect(strangers.map(({ asked }) => asked)).to.deep.equal([0, 0]);
    expect(strangers[1]?.taken).to.equal(5);
    expect(up.code).to.equal(1);
  });

  it('a checkpoint of an adapter from outside is fused as if it were the last', async () => {
    const early = rowOf(rows, 'early-s0');
    expect(early).to.include({ status: 'done', checkpoint: 10 });
    expect(early.custody.model).to.not.equal(rowOf(before_.rows, 'moe-s0').custody.model);
    const folder = await tempDir('checkpoint');
    const adapter = join(folder, 'adapter');
    await cp(join(workspace.at('moe-s0', 'train'), 'adapter'), adapter, { recursive: true });
    await copyFile(join(adapter, '0000010_adapters.safetensors'), join(adapter, 'adapters.safetensors'));
    const base = join(workspace.root, 'demo/models/A-base');
    const out = join(folder, 'model');
    const argv = ['--model', base, '--adapter', adapter, '--out', out, '--q-bits', '5', '--q-group-size', '64'];
    await execa(testPython, ['python/fuse_direct.py', ...argv], { env: toolEnv(moePhase.env) });
    expect(await contents(join(workspace.at('early-s0', 'fuse'), 'model'))).to.deep.equal(await contents(out));
  });
});

/** The `$` lines below one stage of one run in what `plan` prints, without the `$`. */
function printedCommands(plan: string, run: string, stage: StageName): string {
  const [, ofRun = ''] = plan.split(new RegExp(`^  run ${run}(?= |:)`, 'm'));
  const [, ofStage = ''] = ofRun.split(new RegExp(`^    ${stageFolder(stage)}\\b`, 'm'));
  const lines = ofStage.split('\n').slice(1);
  const end = lines.findIndex((line) => !line.startsWith('      '));
  return lines
    .slice(0, end)
    .filter((line) => line.startsWith('      $ '))
    .map((line) => line.slice('      $ '.length))
    .join('\n');
}

describe('what fusing and quantizing cost, in the rows of a real chain', () => {
  it('is there for each fused model, and nowhere else', async () => {
    const { workspace, rows } = await night();
    const found = (run: string): Cost => {
      const { cost: one, warnings } = rowOf(rows, run);
      if (one === null) throw new Error(`${run} has no cost: ${warnings.join('; ')}`);
      return one;
    };
    const [five, two, four] = ['moe-s0', 'moe-s0-two', 'moe-s0-q4'].map(found);
    expect(rowOf(rows, 'moe-s0-raw').cost).to.equal(null);
    expect(two, 'the same model by another way').to.deep.equal(five);
    expect(five).to.deep.include({ bits: { base: 4, final: 5 }, rows: 40 });
    expect(four?.bits).to.deep.equal({ base: 4, final: 4 });
    expect(five?.step).to.equal(four?.step);
    expect(five?.kept).to.be.within(0.9, 1.05);
    expect(four?.snr).to.be.lessThan(five?.snr ?? 0);
    expect(four?.kl).to.be.greaterThan(five?.kl ?? 0);
    expect(five?.loss?.adapter).to.be.lessThan(five?.loss?.base ?? 0);
    expect(five?.gain_kept).to.be.within(0.8, 1.1);
    const { commands, inputs } = await workspace.manifest('moe-s0', 'eval');
    expect(commands.flat().filter((word) => word.endsWith('model_cost.py'))).to.have.length(1);
    expect(inputs).to.include.keys('base', 'adapter', 'model');
  });
});
