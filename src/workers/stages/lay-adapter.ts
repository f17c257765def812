import { join } from 'node:path';
import { files } from '../../core/mlx/mlx-argv.ts';
import type { StageContext } from '../stage.ts';

/** One checkpoint of an adapter: the folder that it lies in (absolute), and the name of its weights there. */
export interface Checkpoint {
  readonly adapter: string;
  readonly file: string;
}

/** Links a checkpoint into `folder` under the only name that mlx_lm loads. Not an output: `remove` it before the stage ends. */
export async function layAdapter(context: StageContext, { adapter, file }: Checkpoint, folder: string): Promise<void> {
  await context.link(join(adapter, files.adapterConfig), join(folder, files.adapterConfig));
  await context.link(join(adapter, file), join(folder, files.weights));
}
