import { cp, mkdir, readdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { expect } from 'chai';
import { pino } from 'pino';
import { openRuntime } from '../../src/commands/parts/open-runtime.ts';
import { StageError } from '../../src/core/errors.ts';
import { attemptFolder, type StageName, stageFolder, stages } from '../../src/events/stages.ts';
import { writeRun } from '../../src/io/artifacts/phase-store.ts';
import { readManifest } from '../../src/io/artifacts/run-folder.ts';
import type { StoredRun } from '../../src/io/artifacts/run-store.ts';
import { type Broker, openBroker } from '../../src/io/broker/broker.ts';
import { packageRoot } from '../../src/io/host/package-root.ts';
import { contentHash } from '../../src/io/thread/content-hash.ts';
import { isAlive } from '../../src/io/tool/tool-process.ts';
import { openWorkspace } from '../../src/io/workspace/workspace.ts';
import { type Attempt, openNotes } from '../../src/workers/attempt/attempt.ts';
import { runStage } from '../../src/workers/attempt/run-stage.ts';
import { stageContext } from '../../src/workers/attempt/stage-context.ts';
import { loadStages } from '../../src/workers/index.ts';
import type { Runtime } from '../../src/workers/runtime/runtime.ts';
import type { Stage } from '../../src/workers/stages/stage.ts';
import { demoRun, quickTrain } from '../helpers/real-stage.ts';
import { tempDir, waitFor } from '../helpers/temp.ts';

/* What every stage promises, whatever it does: a new one gets these tests by its place in `chain`. */

const board = { log: () => undefined, progress: () => undefined };
const chain: StageName[] = ['train', 'select', 'fuse', 'quantize', 'cleanup', 'eval'];
/** Stages that leave weights behind, and the file in their folder. */
const weights: Partial<Record<StageName, string>> = {
  train: 'adapter/adapters.safetensors',
  select: 'adapter/adapters.safetensors',
  fuse: 'model/model.safetensors',
  quantize: 'model/model.safetensors',
};

describe('every stage', () => {
  let stageList: readonly Stage[] = [];
  before(async () => {
    stageList = await loadStages();
  });
  const source = packageRoot().folder;
  let broker: Broker;
  let runtime: Runtime;
  let stored: StoredRun;
  let go = '';
  const down = new AbortController();

  const stageOf = (name: StageName) => {
    const stage = stageList.find((one) => one.name === name);
    if (stage === undefined) throw new Error(`${name} is not in the list`);
    return stage;
  };
  const deliver = (on: Runtime, name: StageName, attempt: number): Promise<unknown> =>
    runStage(on, stageOf(name), { data: { run: stored.run.run, stage: name, attempt }, board });
  /** Everything in the workspace but the run's own folder, as one hash. */
  const rest = async (): Promise<string> => {
    const names = (await readdir(runtime.workspace.root))
      .filter((name) => !['artifacts', 'calls'].includes(name))
      .sort();
    return (
      await Promise.all(
        names.filter((name) => !name.startsWith('.')).map((name) => contentHash(join(runtime.workspace.root, name))),
      )
    ).join();
  };

  beforeEach(async () => {
    if (stored !== undefined) return;
    const root = await tempDir('contract');
    await cp(join(source, 'demo'), join(root, 'demo'), { recursive: true });
    const python = join(source, 'test/fixtures/bin/python');
    await writeFile(join(root, 'phasebox.yaml'), `python: ${python}\ndisk_reserve_gb: 0\n`);
    const workspace = await openWorkspace(root, 'create');
    broker = await openBroker(workspace, () => undefined);
    runtime = await openRuntime({
      until: null,
      workspace,
      broker,
      log: pino({ level: 'silent' }),
      signal: down.signal,
      notice: () => undefined,
    });
    const fuse = { mode: 'two_step', q_bits: 5, q_group_size: 64 } as const;
    const evaluation = { ...demoRun('A').settings.eval, suite: join(root, 'demo/suite/demo-27.yaml') };
    // The stand-in counts its starts there.
    // A tool that is to be stopped must not be over before that, however loaded the machine is: they wait for a file.
    const held = Object.fromEntries(['lora', 'serve', 'fuse', 'convert'].map((tool) => [tool, { hold: 'go' }]));
    const env = { STAND_IN_FOLDER: join(root, 'calls'), SCENE: JSON.stringify(held) };
    go = join(env.STAND_IN_FOLDER, 'go');
    await mkdir(env.STAND_IN_FOLDER);
    const select = { by: 'suite', suite: evaluation.suite, prompts: 4 };
    const run = demoRun('A', { train: quickTrain, select, fuse, eval: evaluation, chain, env } as never);
    const folder = join(workspace.artifacts, run.phase);
    await mkdir(folder);
    await writeRun(folder, run);
    await runtime.runStore.refresh();
    const found = runtime.runStore.get(run.run);
    if (found === undefined) throw new Error('the run is on the runStore');
    stored = found;
    await runtime.runStore.append(stored, { event: 'started', at: new Date().toISOString() });
  });
  after(async () => {
    await runtime.bus.close();
    await runtime.runStore.close();
    await broker.close();
  });

  for (const [owner, name] of chain.entries()) {
    describe(name, () => {
      // cleanup runs no tool, and what it removed is gone.
      const runsTools = name !== 'cleanup';
      if (runsTools)
        it('stops when phasebox stops: nothing published, no tool left', async () => {
          await rm(go, { force: true });
          const stopping = new AbortController();
          const own: Runtime = { ...runtime, signal: stopping.signal };
          const working = deliver(own, name, 1).then(
            () => 'done',
            (error: unknown) => String(error),
          );
          const dir = join(stored.folder, attemptFolder(name, 1));
          await waitFor('a tool', async () => (await toolFolders(dir)).length > 0);
          stopping.abort('stop');
          expect(await working).to.match(/STOPPED/);
          for (const folder of await toolFolders(dir)) expect(await isAlive(folder)).to.equal(false);
          expect(await readManifest(stored.folder, name)).to.equal(null);
          await writeFile(go, '');
        });

      it('works in its own folder alone and leaves what its row in the table says', async () => {
        const before = await rest();
        const others = await readdir(stored.folder);
        await deliver(runtime, name, name === 'cleanup' ? 1 : 2);
        const manifest = await readManifest(stored.folder, name);
        expect(stages[name].makes.safeParse(manifest?.made).success).to.equal(true);
        expect(await rest()).to.equal(before);
        const added = (await readdir(stored.folder)).filter((one) => !others.includes(one));
        expect(added).to.deep.equal([stageFolder(name)]);
      });

      if (runsTools)
        it('gives the same again when it is done again', async () => {
          const first = await readManifest(stored.folder, name);
          const folder = join(stored.folder, stageFolder(name));
          const aside = `${folder}.first`;
          await rename(folder, aside);
          await deliver(runtime, name, 2);
          const second = await readManifest(stored.folder, name);
          expect(second?.made).to.deep.equal(first?.made);
          expect(second?.inputs).to.deep.equal(first?.inputs);
          if (weight !== undefined)
            expect(await readFile(join(folder, weight))).to.deep.equal(await readFile(join(aside, weight)));
          await rename(aside, join(await tempDir('first'), 'first'));
        });

      const weight = weights[name];
      if (weight !== undefined)
        it('refuses what it made when a byte is missing', async () => {
          const stage = stageOf(name);
          const manifest = await readManifest(stored.folder, name);
          const dir = join(await tempDir('cut'), 'copy');
          await cp(join(stored.folder, stageFolder(name)), dir, { recursive: true });
          const attempt: Attempt = {
            ...{ stored, dir, board, event: { run: stored.run.run, stage: name, attempt: 9 } },
            notes: openNotes(),
          };
          const context = stageContext(runtime, attempt, null);
          const made = stages[name].makes.parse(manifest?.made) as never;
          await stage.verify?.(made, context);
          const bytes = (await readFile(join(dir, weight))).length;
          await truncate(join(dir, weight), bytes - 1);
          const error = await Promise.resolve(stage.verify?.(made, context)).then(
            () => null,
            (thrown: unknown) => thrown,
          );
          expect(error).to.be.instanceOf(StageError);
          expect((error as StageError).code).to.equal('OUTPUT_DAMAGED');
        });

      it('takes its place in the chain', () => {
        for (const need of stageOf(name).needs) expect(chain.slice(0, owner)).to.include(need);
      });
    });
  }
});

/** Folders of an attempt in which a tool was started. */
async function toolFolders(dir: string): Promise<string[]> {
  const files = await readdir(dir, { recursive: true }).catch(() => []);
  return files.filter((file) => basename(file) === 'started').map((file) => join(dir, dirname(file)));
}
