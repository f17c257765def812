import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Made } from '../../../src/events/stages.ts';
import { stage as select } from '../../../src/workers/stages/select.ts';
import type { Input, StageContext } from '../../../src/workers/stages/stage.ts';
import { suiteOf } from '../../helpers/answers.ts';
import { plainRendering } from '../../helpers/config-workspace.ts';
import { type ExamOptions, prepareExam } from '../../helpers/exam.ts';
import { quickTrain, stageErrorOf } from '../../helpers/real-stage.ts';
import { tempDir } from '../../helpers/temp.ts';

/** A whole .safetensors file of one tensor. */
function weights(value: number): Buffer {
  const header = Buffer.from(JSON.stringify({ a: { dtype: 'F32', shape: [1], data_offsets: [0, 4] } }));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const data = Buffer.alloc(4);
  data.writeFloatLE(value);
  return Buffer.concat([length, header, data]);
}

/** What a training left: checkpoints 10 and 20, and 25 under the final name. */
async function trained(): Promise<Input<'train'>> {
  const folder = await tempDir('trained');
  const adapter = join(folder, 'adapter');
  await mkdir(adapter);
  await writeFile(join(adapter, 'adapter_config.json'), '{}');
  const names = ['0000010_adapters.safetensors', '0000020_adapters.safetensors', 'adapters.safetensors'];
  for (const [index, name] of names.entries()) await writeFile(join(adapter, name), weights(index));
  const checkpoints = names.map((name, index) => ({ iteration: [10, 20, 25][index] ?? 0, file: `adapter/${name}` }));
  const losses = { train_loss: null, val_loss: null, profile: null };
  return { folder, made: { adapter: 'adapter', checkpoints, iterations: 25, ...losses, warm_restart: false } };
}

const suite = suiteOf([{ prompt: 'a' }, { id: 'second', prompt: 'b' }]);

async function choosing(dir?: string, more: Partial<ExamOptions> = {}) {
  const own = await prepareExam({ suite, ...(dir === undefined ? {} : { dir }), ...more });
  const { settings } = own.context.run;
  const chosen = { by: 'suite' as const, suite: settings.eval.suite };
  const run = { ...own.context.run, settings: { ...settings, train: quickTrain, select: chosen } };
  return { ...own, context: { ...own.context, run } };
}

describe('workers/select', () => {
  it('asks the base once, then each checkpoint through a server of its own; of equals the last is used', async () => {
    const { context, served, seen } = await choosing();
    const train = await trained();
    const made: Made<'select'> = await select.run({ train }, context);
    await select.verify?.(made, context);
    expect(served).to.eql(['probe', 'server-10', 'server-20', 'server-25']);
    expect(made).to.deep.include({ adapter: 'adapter', iteration: 25, by: 'suite', prompts: 2, same_suite: true });
    const taken = await readFile(join(context.dir, 'adapter/adapters.safetensors'));
    expect(taken).to.eql(await readFile(join(train.folder, 'adapter/adapters.safetensors')));
    expect(await readdir(join(context.dir, 'candidates/0000010')), 'links are no output').to.eql(['answers.jsonl']);
    expect(seen.progress.at(-1)).to.include({ iteration: 6, of: 6, part: 'checkpoint 25, 3 of 3' });
    expect(seen.warnings.join()).to.contain('selected from 3 checkpoints on these prompts');
  });

  it('loads no model for what was asked already', async () => {
    const { context, served } = await choosing();
    const train = await trained();
    await select.run({ train }, context);
    const first = served.length;
    const again = await select.run({ train }, context);
    expect(served.length).to.equal(first);
    expect(again.iteration).to.equal(25);
  });

  it('resumes what an earlier version asked, unless the chat template prints the date', async () => {
    const train = await trained();
    const render =
      (sha256: string | null, dated: string | null): StageContext['render'] =>
      async (jobs) =>
        jobs.map(() => ({ ok: true, rendering: { ...plainRendering, sha256, dated } }));
    for (const [dated, asked] of [
      [null, []],
      ['2026-11-28', ['probe', 'server-10', 'server-20', 'server-25']],
    ] as const) {
      // Prompts without a hash leave the identity that 0.1.0 recorded.
      const old = await choosing(undefined, { render: render(null, dated) });
      await select.run({ train }, old.context);
      // As the runner does before it starts a server where an earlier attempt had one.
      for (const name of old.served) await rm(join(old.context.dir, name), { recursive: true });
      const now = await choosing(old.context.dir, { render: render('1'.repeat(64), dated) });
      const { run } = now.context;
      const same = { ...run, settings: old.context.run.settings };
      await select.run({ train }, { ...now.context, run: same });
      expect(now.served, `${dated}`).to.eql(asked);
      expect(await readFile(join(old.context.dir, 'asked.json'), 'utf8')).to.contain('eval_identity');
    }
  });

  it('gives no score to an adapter that does not act', async () => {
    const { context } = await choosing(join(await tempDir('idle'), 'attempt'));
    const error = await stageErrorOf(select.run({ train: await trained() }, context));
    expect(error.code).to.equal('ADAPTER_IGNORED');
  });

  it('refuses a checkpoint that is gone, and one that is cut', async () => {
    const { context } = await choosing();
    const train = await trained();
    const path = join(train.folder, 'adapter/0000020_adapters.safetensors');
    await writeFile(path, weights(1).subarray(0, -1));
    expect((await stageErrorOf(select.run({ train }, context))).code).to.equal('INPUT_CHANGED');
    await rm(path);
    const gone = await stageErrorOf(select.run({ train }, context));
    expect(gone.code).to.equal('MISSING_INPUT');
    expect(gone.message).to.contain('checkpoint 20 in').and.to.contain('keep_checkpoints: selected');
  });

  it('finds no best one among losses that are no numbers', async () => {
    const own = await choosing();
    const settings = { ...own.context.run.settings, select: { by: 'val_loss' as const } };
    const losses = join(own.context.dir, 'candidates/losses.jsonl');
    const context = {
      ...own.context,
      run: { ...own.context.run, settings },
      // The driver itself is tried in test/real.
      tool: async () => {
        await mkdir(join(own.context.dir, 'candidates'), { recursive: true });
        const line = (iteration: number) => ({ iteration, loss: null, tokens: 9, rows: 3, left_out: 1 });
        await writeFile(losses, [10, 20, 25].map((one) => `${JSON.stringify(line(one))}\n`).join(''));
        return 0;
      },
    };
    expect((await stageErrorOf(select.run({ train: await trained() }, context))).code).to.equal('NAN_LOSS');
    expect(own.seen.warnings.join()).to.contain('1 of 4 validation examples are not used for this choice');
  });
});
