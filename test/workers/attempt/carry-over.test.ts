import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { isCarried } from '../../../src/events/stages/stage-row.ts';
import { carryOver, keptFor, keptWork } from '../../../src/workers/attempt/carry-over.ts';
import { tempDir } from '../../helpers/temp.ts';

/** A run folder with attempts of eval: number -> names of its files. */
async function runWith(attempts: Readonly<Record<number, readonly string[]>>): Promise<string> {
  const run = await tempDir('carry');
  for (const [attempt, names] of Object.entries(attempts)) {
    await mkdir(join(run, `.6-eval.a${attempt}`));
    for (const name of names) await writeFile(join(run, `.6-eval.a${attempt}`, name), `${name} of ${attempt}`);
  }
  return run;
}

describe('what a failed eval passes on', () => {
  it('is taken from the latest attempt that has answers, and moved', async () => {
    const run = await runWith({
      1: ['answers.jsonl'],
      2: ['asked.json', 'answers.jsonl', 'log.txt'],
      3: ['log.txt'],
      10: [],
    });
    expect(await carryOver(run, 'eval', 10)).to.equal(2);
    const target = join(run, '.6-eval.a10');
    expect((await readdir(target)).sort()).to.eql(['answers.jsonl', 'asked.json']);
    expect(await readFile(join(target, 'answers.jsonl'), 'utf8')).to.equal('answers.jsonl of 2');
    expect(await readdir(join(run, '.6-eval.a2'))).to.eql(['log.txt']);
  });

  it('is never put over what the attempt has asked itself, and continues after a crash in between', async () => {
    const own = await runWith({ 1: ['asked.json', 'answers.jsonl'], 2: ['answers.jsonl'] });
    expect(await carryOver(own, 'eval', 2)).to.equal(null);
    const half = await runWith({ 1: ['answers.jsonl'], 2: ['asked.json'] });
    expect(await carryOver(half, 'eval', 2)).to.equal(1);
    expect((await readdir(join(half, '.6-eval.a2'))).sort()).to.eql(['answers.jsonl', 'asked.json']);
  });

  it('is the folder of candidates, of a selection, with what was measured of each', async () => {
    const run = await tempDir('carry');
    for (const attempt of [1, 2]) await mkdir(join(run, `.2-select.a${attempt}`));
    await mkdir(join(run, '.2-select.a1/candidates/0000010'), { recursive: true });
    await writeFile(join(run, '.2-select.a1/asked.json'), '{}');
    await writeFile(join(run, '.2-select.a1/candidates/0000010/answers.jsonl'), 'x');
    expect(await carryOver(run, 'select', 2)).to.equal(1);
    expect((await readdir(join(run, '.2-select.a2'))).sort()).to.eql(['asked.json', 'candidates']);
    expect(await readFile(join(run, '.2-select.a2/candidates/0000010/answers.jsonl'), 'utf8')).to.equal('x');
    expect(keptFor('select', 'SERVER_DIED')).to.include.members(['asked.json', 'answers.jsonl', 'losses.jsonl']);
    expect(keptFor('select', 'ADAPTER_IGNORED')).to.eql([]);
  });

  it('is nothing for other stages, and nothing after a failure that makes answers doubtful', async () => {
    expect(await carryOver(await runWith({ 1: ['answers.jsonl'] }), 'fuse', 2)).to.equal(null);
    expect(keptFor('eval', 'CONNECTION_RESET')).to.eql(['asked.json', 'answers.jsonl']);
    for (const code of ['WRONG_SERVER', 'CALL_SWALLOWED', 'ADAPTER_IGNORED'] as const)
      expect(keptFor('eval', code), code).to.eql([]);
    expect(keptFor('fuse', 'GPU_FAULT')).to.eql([]);
  });

  it('is the states and checkpoints of a training, unless they may be the cause of the failure', async () => {
    const run = await tempDir('carry');
    const first = join(run, '.1-train.a1');
    for (const name of ['.1-train.a2', '.1-train.a1/states', '.1-train.a1/adapter'])
      await mkdir(join(run, name), { recursive: true });
    for (const name of ['states/state-0000010-ab.safetensors', 'adapter/0000010_adapters.safetensors', 'log.txt'])
      await writeFile(join(first, name), name);
    for (const code of ['GPU_FAULT', 'TOOL_LOST', 'DISK_FULL', 'STOPPED', 'CANCELLED'] as const)
      expect(await keptWork(first, 'train', code), code).to.equal('last saved state');
    for (const code of ['NAN_LOSS', 'OUTPUT_DAMAGED', 'BAD_SETTINGS'] as const)
      expect(await keptWork(first, 'train', code), code).to.equal(null);
    expect(await carryOver(run, 'train', 2)).to.equal(1);
    expect((await readdir(join(run, '.1-train.a2'))).sort()).to.eql(['adapter', 'states']);
    expect(await readdir(first)).to.eql(['log.txt']);
    expect(await keptWork(first, 'train', 'GPU_FAULT'), 'nothing is left').to.equal(null);
    expect(isCarried(keptFor('train', 'GPU_FAULT'), 'state-0000010-ab.safetensors')).to.equal(true);
    for (const name of ['state.partial', 'adapters.safetensors', 'train.yaml', 'state-.safetensorsx'])
      expect(isCarried(keptFor('train', 'GPU_FAULT'), name), name).to.equal(false);
  });
});
