import { join } from 'node:path';
import { expect } from 'chai';
import { parse } from 'yaml';
import { type ConfigWorkspace, configWorkspace, plainConfig } from '../helpers/config-workspace.ts';
import { tinyModel } from '../helpers/tiny-model.ts';

const percent = (share: number, value: number): string =>
  `${share}, and scores are percentages from 0 to 100: did you mean ${value}?`;

/** Right configs that were probably not intended, and what their author reads. */
const doubted: readonly (readonly [what: string, change: object, warnings: readonly string[]])[] = [
  [
    'shares in a gate and in outcomes',
    {
      criteria: {
        gate: '(overall >= 0.824 || 1 <= strict) && domain > base.domain',
        outcomes: parse('[{ when: base.overall < 0.5, then: a }, { then: b }]'),
      },
    },
    [
      `criteria.gate compares a score with ${percent(0.824, 82.4)}`,
      `criteria.gate compares a score with ${percent(1, 100)}`,
      `criteria.outcomes[0].when compares a score with ${percent(0.5, 50)}`,
    ],
  ],
  [
    'what may be below 1: a loss, a rare answer type, a difference, 0',
    {
      criteria: {
        gate: 'metrics.val_loss < 0.8 && modes.timeout < 1 && overall - base.overall >= 0.5 && overall > 0 && overall > 1.5',
      },
    },
    [],
  ],
  [
    'shares in a baseline',
    { baseline: { name: '33b', suite: 'small', overall: 0.07, categories: { domain: 1, text_tools: 0 } } },
    [`baseline.overall is ${percent(0.07, 7)}`, `baseline.categories.domain is ${percent(1, 100)}`],
  ],
  [
    'a checkpoint that never comes',
    { train: { iters: 20, save_every: 21 } },
    [
      'train.save_every (21) is more than iters (20): only the last checkpoint is saved, so there is no other to select',
    ],
  ],
  ['a checkpoint at the last iteration', { train: { iters: 20, save_every: 20 } }, []],
  ["mlx_lm's own save_every, which nobody wrote", { train: { iters: 20 } }, []],
  [
    'sequences that are longer than those of the model',
    { train: { iters: 20, max_seq_length: 4097 } },
    [
      'train.max_seq_length (4097) is more than the 4096 tokens that the model was made for (max_position_embeddings in its config.json)',
    ],
  ],
  ['sequences as long as those of the model', { train: { iters: 20, max_seq_length: 4096 } }, []],
  [
    'a setting that mlx_lm ignores',
    { train: { iters: 20, clear_cache_threshold: 4_000_000_000 } },
    ['train.clear_cache_threshold has no effect: mlx-lm 0.32.2 accepts it and does not pass it to the training'],
  ],
  ['the same setting at its default', { train: { iters: 20, clear_cache_threshold: 0 } }, []],
  [
    'an early stop that uses the weights after the best ones',
    { train: { iters: 20, steps_per_eval: 5, stop: { val_loss: { patience: 2 } } } },
    [
      'train.stop.val_loss ends the training 2 validations after its best one, and select.by: last uses the weights at its end: `select: { by: val_loss }` uses the best checkpoint',
    ],
  ],
  [
    'an early stop with a selection, and one by time',
    {
      train: { iters: 20, steps_per_eval: 5, save_every: 5, stop: { val_loss: { patience: 2, min_delta: 0.01 } } },
      select: { by: 'val_loss' },
      variants: { short: { train: { stop: { train_minutes: 0.5, val_loss: null } } } },
    },
    [],
  ],
  [
    'an early stop that never comes',
    { train: { iters: 20, steps_per_eval: 10, stop: { val_loss: { patience: 2 } } } },
    [
      'train.stop.val_loss never ends this training: patience is 2, and the val loss is compared 2 times (steps_per_eval 10, iters 20)',
    ],
  ],
  [
    'a variant',
    { variants: { often: { train: { save_every: 50 } } } },
    [
      'variants.often: train.save_every (50) is more than iters (20): only the last checkpoint is saved, so there is no other to select',
    ],
  ],
];

describe('a config that is right and was probably not intended', () => {
  let workspace: ConfigWorkspace;
  before(async () => {
    workspace = await configWorkspace();
    const config = { max_position_embeddings: 4096 };
    await tinyModel(join(workspace.root, 'models/tiny'), { isMlx: false, config });
  });

  for (const [what, change, warnings] of doubted) {
    it(`is taken with ${warnings.length === 0 ? 'no warning' : 'a warning'}: ${what}`, async () => {
      expect((await workspace.plan({ ...plainConfig, ...change })).warnings).to.eql(warnings);
    });
  }

  it('is taken with a warning where its seeds evaluate one model', async () => {
    const judged = { phase: 'm', from: { model: 'models/tiny' }, eval: { suite: 'suites/small.yaml' } };
    const warningsOf = async (change: object) => (await workspace.plan({ ...judged, ...change })).warnings.join();
    const same = 'seeds: all 3 evaluate the same model, because a phase with from: { model } trains nothing here.';
    expect(await warningsOf({ seeds: 3 })).to.contain(`${same} At temperature 0 one of them is enough`);
    const sampled = { ...judged.eval, temperature: 0.7 };
    expect(await warningsOf({ seeds: 3, eval: sampled })).to.contain(
      `${same} They show how much sampled answers differ`,
    );
    for (const seeds of [1, [0, 0]]) expect(await warningsOf({ seeds })).to.not.contain('seeds:');
    expect((await workspace.plan({ ...plainConfig, seeds: 3 })).warnings).to.eql([]);
  });

  it("is taken with a warning where mlx_lm's own length is more than the model's", async () => {
    const small = await configWorkspace();
    await tinyModel(join(small.root, 'models/tiny'), { isMlx: false, config: { max_position_embeddings: 512 } });
    expect((await small.plan(plainConfig)).warnings).to.eql([
      "train.max_seq_length is omitted, and mlx_lm's default (2048) is more than the 512 tokens that the model was made for (max_position_embeddings in its config.json)",
    ]);
    const train = { ...plainConfig.train, max_seq_length: 512 };
    expect((await small.plan({ ...plainConfig, train })).warnings).to.eql([]);
  });

  it('is read with the length of the language model, if the model also sees images', async () => {
    const other = await configWorkspace();
    const config = { text_config: { max_position_embeddings: 1024 } };
    await tinyModel(join(other.root, 'models/tiny'), { isMlx: false, config });
    const { warnings } = await other.plan({ ...plainConfig, train: { iters: 20, max_seq_length: 2048 } });
    expect(warnings).to.have.length(1);
    expect(warnings[0]).to.contain('is more than the 1024 tokens');
  });
});
