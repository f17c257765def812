import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import pino from 'pino';
import { readStatus } from '../../../src/commands/status.ts';
import { atRest } from '../../../src/core/run/control.ts';
import { makeRow } from '../../../src/core/run/row.ts';
import type { JournalLine, Run } from '../../../src/events/run.ts';
import { openRunStore, type StoredRun } from '../../../src/io/artifacts/run-store.ts';
import { startFetcher } from '../../../src/workers/models/fetch-models.ts';
import type { Runtime } from '../../../src/workers/runtime/runtime.ts';
import { testPython } from '../../helpers/real-stage.ts';
import { at } from '../../helpers/rows.ts';
import { plan } from '../../helpers/runs.ts';
import { makeWorkspace, shelveRun } from '../../helpers/stored.ts';
import { tempDir, waitFor } from '../../helpers/temp.ts';
import { layerShapes, tinyModel } from '../../helpers/tiny-model.ts';

const commit = '0123456789abcdef0123456789abcdef01234567';
const model = { source: 'org/tiny', folder: null, revision: null, download: true };

const base: Partial<Run> = { model, chain: ['train'], settings: { ...plan().settings, train: { num_layers: 0 } } };

/** Runs that wait for org/tiny, which was fetched into a cache of its own meanwhile, and the fetcher of their `up`. */
async function fetched(python: string, runs: readonly Partial<Run>[] = [{}]) {
  const home = join(process.env.HF_HUB_CACHE ?? '', 'models--org--tiny');
  await mkdir(join(home, 'refs'), { recursive: true });
  await writeFile(join(home, 'refs', 'main'), commit);
  const folder = await tinyModel(join(home, 'snapshots', commit), { shapes: layerShapes(4) });
  const workspace = await makeWorkspace();
  for (const [seed, over] of runs.entries())
    await shelveRun(workspace, plan({ ...base, run: `p-s${seed}`, seed, number: seed + 1, ...over }));
  const runStore = openRunStore(workspace.artifacts);
  await runStore.refresh();
  const stop = new AbortController();
  const runtime = {
    ...{ workspace, runStore, python, log: pino({ level: 'silent' }), signal: stop.signal, rows: new Set<string>() },
    ...{ notice: () => undefined, control: { now: () => atRest }, bus: { emit: async () => undefined } },
  } as unknown as Runtime;
  const changes = { count: 0 };
  const fetcher = startFetcher(runtime, async () => void changes.count++);
  const get = (seed: number): StoredRun => runStore.get(`p-s${seed}`) as StoredRun;
  const journal = async (seed: number): Promise<readonly JournalLine[]> => runStore.journal(get(seed));
  const close = async (): Promise<void> => {
    stop.abort('detach');
    await fetcher.close();
    await runStore.close();
  };
  return { workspace, runStore, folder, home, fetcher, changes, get, journal, close };
}

describe('workers/fetch-models: the check of a model that was fetched', () => {
  const before = process.env.HF_HUB_CACHE;
  beforeEach(async () => {
    process.env.HF_HUB_CACHE = await tempDir('hub');
  });
  afterEach(() => {
    if (before === undefined) delete process.env.HF_HUB_CACHE;
    else process.env.HF_HUB_CACHE = before;
  });

  it('fails the run when its files cannot be read, and the other runs start', async () => {
    const { folder, fetcher, get, journal, changes, close } = await fetched(testPython, [{}, { model: null }]);
    await rm(join(folder, 'config.json'));
    await mkdir(join(folder, 'config.json'));
    expect(await fetcher.ready(get(0))).to.equal(false);
    expect(await fetcher.ready(get(1))).to.equal(true);
    const failed = await waitFor('the failure', async () => (await journal(0)).find((one) => one.event === 'failed'));
    expect(failed).to.deep.include({ stage: 'train', code: 'BAD_MODEL', retry_at: null });
    expect(failed)
      .to.have.property('message')
      .that.matches(/config\.json.*folder/);
    await waitFor('the next admission', async () => changes.count === 1);
    await close();
  });

  it('fails the run when its place in the cache cannot be read', async () => {
    const { home, fetcher, get, journal, close } = await fetched(testPython);
    await rm(join(home, 'refs', 'main'));
    await mkdir(join(home, 'refs', 'main'));
    expect(await fetcher.ready(get(0))).to.equal(false);
    await waitFor('the failure', async () => (await journal(0)).some((one) => one.event === 'failed'));
    await close();
  });

  it('holds up nothing while Python is slow, and is made once however many callers ask', async () => {
    const folder = await tempDir('slow');
    const python = join(folder, 'python');
    const wait = `while [ ! -e "${folder}/go" ]; do sleep 0.05; done`;
    await writeFile(python, `#!/bin/sh\n${wait}\nexec "${testPython}" "$@"\n`, { mode: 0o755 });
    const { workspace, runStore, fetcher, get, journal, changes, close } = await fetched(python);
    const asked = await Promise.all([fetcher.ready(get(0)), fetcher.ready(get(0)), fetcher.ready(get(0))]);
    expect(asked).to.eql([false, false, false]);
    await writeFile(join(folder, 'go'), '');
    await waitFor('the next admission', async () => changes.count === 1);
    expect(await fetcher.ready(get(0))).to.equal(true);
    expect(await journal(0)).to.have.length(1);
    const [line] = await journal(0);
    expect(line).to.deep.include({ event: 'fetched', revision: commit });
    const warning = 'train.num_layers is 0, which mlx_lm reads as all layers';
    const [shown, ...more] = (await readStatus(workspace)).status.warnings;
    expect([shown?.phase, more]).to.eql(['p', []]);
    expect(shown?.text).to.contain(warning);
    const state = await runStore.state(get(0));
    const ended: JournalLine[] = [...state.journal, { event: 'cancelled', at: at(8) }];
    expect(
      makeRow({ state: { ...state, journal: ended }, manifests: {}, outside: null, rows: [], ended: at(9) }).warnings,
    ).to.eql([shown?.text]);
    await close();
  });

  it('ends with `up`, however long Python takes', async () => {
    const folder = await tempDir('hanging');
    const python = join(folder, 'python');
    await writeFile(python, '#!/bin/sh\nexec sleep 5\n', { mode: 0o755 });
    const { fetcher, get, journal, close } = await fetched(python);
    expect(await fetcher.ready(get(0))).to.equal(false);
    await close();
    expect(await journal(0)).to.eql([]);
  });
});
