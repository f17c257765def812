import { expect } from 'chai';
import { type ConfigWorkspace, configWorkspace, plainConfig, smallSuite } from '../helpers/config-workspace.ts';

const refused = 'the home folder of another user (~name) is not looked up';
const { model, data, train: _train, ...untrained } = plainConfig;

/** Where a config names a path or a command, and the config that does so with another user's home folder. */
const places: Readonly<Record<string, object>> = {
  model: { ...plainConfig, model: '~bob/model' },
  data: { ...plainConfig, data: '~bob' },
  'train.resume_adapter_file': { ...plainConfig, train: { ...plainConfig.train, resume_adapter_file: '~bob/a' } },
  'eval.suite': { ...plainConfig, eval: { suite: '~bob/suite.yaml' } },
  'select.suite': { ...plainConfig, select: { by: 'suite', suite: '~bob/s.yaml' } },
  'from.model': { ...untrained, from: { model: '~bob/model' } },
  'from.adapter': { ...untrained, model, from: { adapter: '~bob/adapter' } },
  extends: { ...plainConfig, extends: '~bob/base.yaml' },
  'baseline.suite': { ...plainConfig, baseline: { name: 'x', overall: 5, suite: '~bob/s.yaml' } },
  'preflight[1][0]': { ...plainConfig, preflight: [['true'], ['~bob/check.sh', 'x']] },
  'preflight[0][1]': { ...plainConfig, preflight: [['sh', '~bob/check.sh']] },
  'eval.engine.command[1]': {
    ...plainConfig,
    eval: { ...plainConfig.eval, engine: { command: ['python3', '~bob/e.py'] } },
  },
  'variants.q.eval.suite': { ...plainConfig, variants: { q: { eval: { suite: '~bob/s.yaml' } } } },
};

describe('producers/read-config: ~ in a path', () => {
  let workspace: ConfigWorkspace;
  before(async () => {
    workspace = await configWorkspace();
  });

  for (const [place, config] of Object.entries(places))
    it(`refuses ~name in ${place}, at its line`, async () => {
      const reasons = await workspace.reasons(config);
      expect(reasons).to.match(new RegExp(`^a\\.yaml:\\d+: ${place.replace(/[[\].]/g, '\\$&')}: `, 'm'));
      expect(reasons).to.contain(refused);
    });

  it("refuses it in a suite's scorer, and takes ~/x everywhere", async () => {
    const scored = (words: string): string =>
      `${smallSuite.replaceAll(/, expect: \[\w+\]/g, '')}scorer: { command: [${words}] }\n`;
    await workspace.write('suites/bob.yaml', scored('python3, ~bob/score.py'));
    expect(await workspace.reasons({ ...plainConfig, eval: { suite: 'suites/bob.yaml' } })).to.contain(refused);
    await workspace.write('suites/own.yaml', scored('python3, ~/score.py'));
    const engine = { command: ['~/engine', '~5'] };
    const plan = await workspace.plan({
      ...plainConfig,
      preflight: [['~/check', '~']],
      eval: { suite: 'suites/own.yaml' },
      variants: { own: { eval: { suite: 'suites/small.yaml', engine } } },
    });
    expect(plan.runs[0]?.preflight).to.deep.equal([['~/check', '~']]);
    expect(data).to.equal(plan.runs[0]?.data?.source);
  });
});
