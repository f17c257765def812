import { expect } from 'chai';
import { checkTrain } from '../../../src/core/config/check-train.ts';
import { type Facts, knownTrainSettings } from '../../../src/core/config/lookups.ts';
import { mlxFacts } from '../../helpers/config-workspace.ts';

/** The settings that mlx_lm's datasets.py reads and CONFIG_DEFAULTS lacks. */
const row_features = {
  prompt_feature: 'prompt',
  completion_feature: 'completion',
  text_feature: 'text',
  chat_feature: 'messages',
};
const problems = (train: Record<string, unknown>, facts: Facts = { ...mlxFacts, row_features }): string[] =>
  checkTrain(train, {
    ...{ defaults: knownTrainSettings(facts), schedules: null, layers: null, path: ['train'] },
  }).findings.map(({ path, message }) => `${path.join('.')}: ${message}`);

describe('keys of train that rename the keys of a data row', () => {
  it('are known where the installed mlx_lm reads them', () => {
    expect(problems({ prompt_feature: 'question', completion_feature: 'answer' })).to.deep.equal([]);
    expect(problems({ text_feature: 'body' })).to.deep.equal([]);
    expect(problems({ chat_feature: 'conversation' })).to.deep.equal([]);
  });

  it('are texts', () => {
    expect(problems({ chat_feature: 3 })).to.deep.equal([
      `train.chat_feature: text is expected (mlx_lm's default: "messages")`,
    ]);
  });

  it('are refused where it does not', () => {
    const [first, ...others] = problems({ prompt_feature: 'question' }, mlxFacts);
    expect(first).to.contain('train.prompt_feature: the installed mlx_lm does not know this key');
    expect(others).to.deep.equal([]);
  });
});
