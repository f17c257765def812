import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { execa } from 'execa';
import { stageFolder } from '../../src/events/stages.ts';
import { commandFolder, contents, type Ended, moePhase, type Night, night, rowOf } from '../helpers/real-chain.ts';

const runs = ['moe-s0', 'moe-s0-two', 'moe-s0-q4', 'moe-s0-raw'];

describe('plan --sh of a phase that has run, by bash with the real mlx_lm', () => {
  let lived: Night;
  let script: Ended;
  let made = '';

  before(async () => {
    lived = await night();
    const { workspace } = lived;
    const config = join(workspace.root, 'by hand.json');
    await writeFile(config, JSON.stringify(moePhase));
    const planned = await workspace.phasebox(['plan', '--sh', config]);
    if (planned.code !== 0) throw new Error(planned.stderr);
    const folder = join(workspace.root, 'by hand');
    await mkdir(folder);
    await writeFile(join(folder, 'moe.sh'), planned.stdout);
    const PATH = `${await commandFolder(workspace)}:${process.env.PATH}`;
    const env = { PATH, PHASEBOX: undefined };
    const { exitCode, stdout, stderr } = await execa('bash', ['moe.sh'], { cwd: folder, env, reject: false });
    script = { code: exitCode ?? -1, stdout, stderr };
    made = join(folder, 'moe-by-hand');
  });

  it('makes the same models to the byte', async () => {
    expect(script.code, `${script.stdout}\n${script.stderr}`).to.equal(0);
    const models = [
      ['moe-s0', 'fuse'],
      ['moe-s0-two', 'quantize'],
      ['moe-s0-q4', 'fuse'],
    ] as const;
    for (const [run, stage] of models) {
      const ours = await contents(join(lived.workspace.at(run, stage), 'model'));
      expect(ours).to.include.keys('model.safetensors', 'config.json', 'tokenizer.json');
      expect(await contents(join(made, run, stageFolder(stage), 'model')), run).to.deep.equal(ours);
    }
    expect(await contents(join(made, 'moe-s0/1-train/adapter'))).to.deep.equal(
      await contents(join(lived.workspace.at('moe-s0', 'train'), 'adapter')),
    );
    expect(await readdir(join(made, 'moe-s0-two/3-fuse')), 'the unquantised model is removed').to.not.include('model');
  });

  it('scores them the same, with the command phasebox on PATH', async () => {
    for (const run of runs) {
      const folder = join(made, run, '6-eval');
      const { overall, strict, categories, modes } = JSON.parse(await readFile(join(folder, 'score.json'), 'utf8'));
      const row = rowOf(lived.rows, run);
      expect({ overall, strict, categories, modes }, run).to.deep.equal({
        ...{ overall: row.overall, strict: row.strict, categories: row.categories, modes: row.modes },
      });
      expect(await readFile(join(folder, 'score.txt'), 'utf8')).to.contain((row.overall ?? 0).toFixed(1));
    }
  });
});
