import { expect } from 'chai';
import { type ConfigWorkspace, configWorkspace, plainConfig } from '../helpers/config-workspace.ts';

const unknown = (key: string): string => `train.${key}: the installed mlx_lm does not know this key`;
const lora = (name: string): string =>
  `write \`${name}\` in \`lora_parameters\`, such as \`lora_parameters: { rank: 8, scale: 20.0, dropout: 0.0 }\``;

/** What people write who know another tool, and what they read: the problem and what to do, without the value. */
const refused: readonly (readonly [what: string, change: object, expected: readonly string[]])[] = [
  [
    "another tool's names",
    { train: { iters: 20, rank: 8, lora_alpha: 16, lr: 1e-4, epochs: 3, gradient_accumulation_steps: 4, warmup: 5 } },
    [
      `${unknown('rank')} | ${lora('rank')}`,
      `${unknown('lora_alpha')} | ${lora('scale')}, and scale is alpha / rank`,
      `${unknown('lr')} | mlx_lm calls it \`learning_rate\``,
      `${unknown('epochs')} | mlx_lm counts iterations: write \`iters\`, which is epochs x examples / batch_size`,
      `${unknown('gradient_accumulation_steps')} | mlx_lm calls it \`grad_accumulation_steps\``,
      `${unknown('warmup')} | it is part of the schedule: \`lr_schedule: { name: cosine_decay, warmup: STEPS, arguments: [...] }\``,
    ],
  ],
  [
    'lists of values',
    { train: { iters: [20, 40], optimizer: ['adam', 'sgd'] }, fuse: { q_bits: [4, 5] }, model: ['a', 'b'] },
    [
      'model: text is expected | a phase has one: write a config for each of the others',
      'train.iters: a number is expected | a run has one value: write a variant for each of the others, such as `variants: { b: { train: { iters: 40 } } }`',
      'train.optimizer: text is expected (mlx_lm\'s default: "adam") | a run has one value: write a variant for each of the others, such as `variants: { b: { train: { optimizer: "sgd" } } }`',
      'fuse.q_bits: allowed: 2, 3, 4, 5, 6, 8 or null | a run has one value: write a variant for each of the others, such as `variants: { b: { fuse: { q_bits: 5 } } }`',
    ],
  ],
  [
    'a list of values in a variant',
    { variants: { b: { train: { iters: [20, 40] } } } },
    ['variants.b.train.iters: a number is expected | a variant has one: write a variant for each of the others'],
  ],
  [
    'a list that may be one, and is too long',
    { seeds: Array.from({ length: 1001 }, (_, seed) => seed) },
    ['seeds: allowed: at most 1000'],
  ],
  [
    'a file of data',
    { data: 'data/rows/train.jsonl' },
    [
      'data: WS/data/rows/train.jsonl is a file; a folder with train.jsonl and valid.jsonl is expected | write its folder: `data: data/rows`',
    ],
  ],
  [
    'a file of data with another name',
    { data: 'suites/small.yaml' },
    [
      'data: WS/suites/small.yaml is a file; a folder with train.jsonl and valid.jsonl is expected | put it into a folder of its own as train.jsonl, with some examples of it in valid.jsonl',
    ],
  ],
  [
    'a data set of the Hub',
    { data: 'mlx-community/wikisql' },
    [
      'data: the folder WS/mlx-community/wikisql does not exist; a folder with train.jsonl and valid.jsonl is expected | if mlx-community/wikisql is a data set of the Hugging Face Hub, save its examples as train.jsonl and valid.jsonl in a folder, and write that as `data:`; phasebox downloads no data',
    ],
  ],
  [
    'a folder of data that does not exist, in one that does',
    { data: 'data/none' },
    [
      'data: the folder WS/data/none does not exist; a folder with train.jsonl and valid.jsonl is expected | relative paths are resolved from the workspace',
    ],
  ],
];

describe('a config with the habits of another tool', () => {
  let workspace: ConfigWorkspace;
  before(async () => {
    workspace = await configWorkspace();
  });

  for (const [what, change, expected] of refused) {
    it(`is refused with what to write: ${what}`, async () => {
      const reasons = await workspace.reasons({ ...plainConfig, ...change });
      const told = reasons.split('\n\n').map((block) => {
        const [first = '', ...rest] = block.split('\n').filter((line) => !line.startsWith('    seen: '));
        return [first.replace(/^a\.yaml:\d+: /, ''), ...rest.map((line) => line.trim())].join(' | ');
      });
      expect(told).to.eql(expected);
    });
  }
});
