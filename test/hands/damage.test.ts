import type { Pair } from './damage.ts';
import { describeDamages } from './damaged-night.ts';

/** All of them: `npm run test:long damage`. */
const sample: readonly Pair[] = [
  { file: 'artifacts/results.jsonl', damage: 'folder' },
  { file: 'artifacts/two/two-s0/3-fuse/manifest.json', damage: 'fifo' },
  { file: 'artifacts/train/train-s0/.1-train.a1/profile.json', damage: 'link to itself' },
  { file: 'artifacts/one/one-s0/run.json', damage: 'gone' },
];

describeDamages('four damaged files of a night', sample);
