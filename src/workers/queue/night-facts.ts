import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunDraft } from '../../core/config/lookups.ts';
import { type RunDisk, runDisk } from '../../core/mlx/estimate.ts';
import type { ModelShape } from '../../core/mlx/model-shape.ts';
import type { Recipe, Rehearsed } from '../../core/plan/pace.ts';
import type { JournalLine } from '../../events/run.ts';
import { ifAbsent, readText } from '../../io/disk/files.ts';
import { readModelShape } from '../../io/model/model-folder.ts';
import { baseRevision, findBaseModel } from '../../io/model/models.ts';
import { promptsIn } from '../../io/thread/off-thread.ts';

/** What the runs of a night refer to, read once. */
export interface NightFacts {
  /** The model of a run. Its journal says where it is if it was fetched after the run was accepted. */
  shape(run: RunDraft, journal: () => Promise<readonly JournalLine[]>): Promise<ModelShape | null>;
  recipe(run: RunDraft, shape: ModelShape | null, rehearsed: Rehearsed | null): Promise<Recipe>;
  disk(run: RunDraft, shape: ModelShape | null): RunDisk | null;
}

/** `root`: the folder of the workspace. */
export function openNightFacts(root: string): NightFacts {
  const folders = new Map<string, Promise<string | null>>();
  const found = new Map<string, Promise<number | null>>();
  const count = (path: string, how: (path: string) => Promise<number | null>): Promise<number | null> =>
    once(found, path, () => countOf(path, how));
  const shapes = new Map<string, Promise<ModelShape | null>>();
  const disks = new Map<ModelShape, Map<unknown, Map<string, RunDisk>>>();
  /** Where the base model of a run is. Null if it is not on this machine, or if the run has none. */
  const folderOf = async ({ model }: RunDraft, read: Parameters<NightFacts['shape']>[1]): Promise<string | null> => {
    if (model === null || model.folder !== null) return model?.folder ?? null;
    const journal = await read();
    return once(folders, `${model.source} ${baseRevision(model, journal)}`, async () => {
      const base = await findBaseModel({ model }, journal, root);
      return base?.found ? base.folder : null;
    });
  };
  return {
    async shape(run, journal) {
      const { model, from } = run;
      const whole = from !== null && 'model' in from ? from.model : null;
      const [source, folder] = [model?.source ?? '', (await folderOf(run, journal)) ?? whole];
      return once(shapes, `${source}\0${folder}`, () => readModelShape(source, folder));
    },
    async recipe(run, shape, rehearsed) {
      const { select, eval: asked } = run.settings;
      const choosing = select.by === 'suite' && select.suite !== undefined ? select.suite : null;
      return {
        ...{ run, shape, prompts: await count(asked.suite, promptsIn) },
        choosing: select.prompts ?? (choosing === null ? null : await count(choosing, promptsIn)),
        validRows: run.data === null ? null : await count(join(run.data.folder, 'valid.jsonl'), linesIn),
        rehearsed,
      };
    },
    disk(run, shape) {
      if (shape === null) return null;
      // Seeds share their settings, and a model has thousands of weights to count.
      const bySettings = disks.get(shape) ?? new Map<unknown, Map<string, RunDisk>>();
      const byChain = bySettings.get(run.settings) ?? new Map<string, RunDisk>();
      const disk = byChain.get(run.chain.join()) ?? runDisk(shape, run);
      disks.set(shape, bySettings.set(run.settings, byChain.set(run.chain.join(), disk)));
      return disk;
    },
  };
}

function once<T>(known: Map<string, T>, key: string, make: () => T): T {
  const value = known.get(key) ?? make();
  known.set(key, value);
  return value;
}

const counts = new Map<string, Promise<number | null>>();
/** Reading more for a count would take longer than the count is worth. */
const mostBytes = 16 * 2 ** 20;

/** Counts what a file has, once for as long as the file is unchanged. Null if it cannot be read. */
async function countOf(path: string, count: (path: string) => Promise<number | null>): Promise<number | null> {
  const found = await stat(path).catch(() => null); // an unreadable file is reported by the stage that reads it
  if (found === null || !found.isFile() || found.size > mostBytes) return null;
  const key = `${path}\0${found.mtimeMs}\0${found.size}`;
  return once(counts, key, () => count(path).catch(() => null)); // the same
}

async function linesIn(path: string): Promise<number> {
  const text = (await readText(path).catch(ifAbsent(null))) ?? '';
  return text.split('\n').filter((line) => line.trim() !== '').length;
}
