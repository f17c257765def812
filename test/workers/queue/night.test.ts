import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { atRest } from '../../../src/core/run/control.ts';
import { openRunStore } from '../../../src/io/artifacts/run-store.ts';
import { type NightPlace, openNightReader } from '../../../src/workers/queue/night.ts';
import { plan } from '../../helpers/runs.ts';
import { makeWorkspace, shelveRun } from '../../helpers/stored.ts';
import { tempDir } from '../../helpers/temp.ts';
import { layerShapes, tinyModel } from '../../helpers/tiny-model.ts';

describe('the night of a model that was fetched after its runs were accepted', () => {
  const before = process.env.HF_HUB_CACHE;
  let hub: string;
  beforeEach(async () => {
    hub = await tempDir('hub');
    process.env.HF_HUB_CACHE = hub;
  });
  afterEach(() => {
    if (before === undefined) delete process.env.HF_HUB_CACHE;
    else process.env.HF_HUB_CACHE = before;
  });

  async function placeWith(open: number): Promise<NightPlace> {
    const home = join(hub, 'models--org--nameless');
    await tinyModel(join(home, 'snapshots/abc'), { shapes: layerShapes(2) });
    await mkdir(join(home, 'refs'));
    await writeFile(join(home, 'refs/main'), 'abc');
    const workspace = await makeWorkspace();
    const model = { source: 'org/nameless', folder: null, revision: null, download: true };
    for (const seed of Array.from({ length: open + 1 }, (_, nth) => nth))
      await shelveRun(workspace, plan({ model, chain: ['train'], run: `p-s${seed}`, seed, number: seed + 1 }));
    const runStore = openRunStore(workspace.artifacts);
    await runStore.refresh();
    const first = { run: 'p-s0', status: 'done', seconds: { train: 7200 } } as const;
    return { workspace, runStore, control: atRest, rows: new Map([['p-s0', first]]), progress: async () => null };
  }

  it('is estimated by the runs of the same model that are done', async () => {
    const place = await placeWith(1);
    const { times } = await openNightReader(place).night();
    expect(times.map(({ run, total }) => [run, total?.from, total?.seconds])).to.eql([['p-s1', 'history', 7200]]);
    await place.runStore.close();
  });
});
