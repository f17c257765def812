import { expect } from 'chai';
import { type ConfigWorkspace, configWorkspace, plainConfig, smallSuite } from '../helpers/config-workspace.ts';

const figures = { name: '33b', overall: 82.4, categories: { domain: 60 } };
const withSuite = (suite: string | number): object => ({ ...plainConfig, baseline: { ...figures, suite } });

const unknown = `It is not known which suite baseline "33b" was measured on, so its figures may not be comparable with the scores of this phase. Give the suite's name or file as \`baseline.suite\`.`;
const other = (suite: string, than = 'this phase (small)'): string =>
  `Baseline "33b" was measured on another suite (${suite}) than ${than}, so the two figures are not comparable.`;

/** What a config is told, and what its first run notes about its baseline. */
async function told(workspace: ConfigWorkspace, config: object): Promise<unknown[]> {
  const { warnings, runs } = await workspace.plan(config);
  const baseline = runs[0]?.baseline;
  return [...warnings, typeof baseline === 'object' ? baseline?.comparable : baseline];
}

describe('the suite of a baseline', () => {
  it('that is not given is unknown, and the run keeps what it kept before there was the key', async () => {
    const workspace = await configWorkspace();
    const { warnings, runs } = await workspace.plan({ ...plainConfig, baseline: figures });
    expect(warnings).to.deep.equal([unknown]);
    expect(runs[0]?.baseline).to.deep.equal(figures);
  });

  it('is the one of the runs by its name, or by what its file holds', async () => {
    const workspace = await configWorkspace();
    await workspace.write(
      'old/copy.yaml',
      `# the same prompts\n${smallSuite.replace('suite: small', 'suite: renamed')}`,
    );
    await workspace.write('suites/33', smallSuite.replace('suite: small', 'suite: "33"'));
    for (const suite of ['small', 'suites/small.yaml', `${workspace.root}/suites/small.yaml`, 'old/copy.yaml'])
      expect(await told(workspace, withSuite(suite)), suite).to.deep.equal([true]);
    // a name that YAML reads as a number
    const numbered = { ...withSuite(33), eval: { suite: 'suites/33' } };
    expect(await told(workspace, numbered)).to.deep.equal([true]);
  });

  it('is another one by its name, or by what its file holds', async () => {
    const workspace = await configWorkspace();
    await workspace.write('old/small.yaml', smallSuite.replace('Check a.py', 'Check b.py'));
    await workspace.write('old/eval.py', 'PROMPTS = []\n');
    await workspace.write('old/torn.yaml', 'suite: small\nprompts: [\n');
    for (const suite of ['eval-33b', 'Small', 'eval_33b.py', 'old/small.yaml', 'old/eval.py', 'old/torn.yaml'])
      expect(await told(workspace, withSuite(suite)), suite).to.deep.equal([other(suite), false]);
  });

  it('that is a file must be there', async () => {
    const workspace = await configWorkspace();
    for (const suite of ['old/none', 'none.yaml', './small', 'none.JSON'])
      expect(await workspace.reasons(withSuite(suite)), suite).to.match(
        /^a\.yaml:\d+: baseline\.suite: WS\/.* does not exist; allowed: the file of the suite, or its name\n/,
      );
  });

  it('is compared with each suite that the phase uses', async () => {
    const workspace = await configWorkspace();
    await workspace.write('suites/other.yaml', smallSuite.replace('suite: small', 'suite: other'));
    const variants = { other: { eval: { suite: 'suites/other.yaml' } }, q4: { fuse: { q_bits: 4 } } };
    const { warnings, runs } = await workspace.plan({ ...withSuite('small'), variants });
    expect(warnings).to.deep.equal([other('small', 'variant other (other)')]);
    expect(runs.map(({ run, baseline }) => [run, (baseline as { comparable?: boolean }).comparable])).to.deep.equal([
      ['43a-s0', true],
      ['43a-s0-other', false],
      ['43a-s0-q4', true],
    ]);
  });

  it('of a phase is known: the whole evaluation is compared', async () => {
    const workspace = await configWorkspace();
    await workspace.accept(plainConfig);
    await workspace.write('suites/other.yaml', smallSuite.replace('Check a.py', 'Check b.py'));
    const next = { ...plainConfig, phase: '44', baseline: '43a' };
    const differs = (who: string, what: string): string =>
      `Baseline 43a and ${who} are evaluated differently (${what}), so the two figures are not comparable.`;
    const asked = (evaluation: object): object => ({ ...next, eval: { ...plainConfig.eval, ...evaluation } });
    expect(await told(workspace, next)).to.deep.equal(['43a']);
    // what changes no answer is no difference
    expect(await told(workspace, asked({ score_by: 'strict', base: false }))).to.deep.equal(['43a']);
    expect(await told(workspace, asked({ suite: 'suites/other.yaml' }))).to.deep.equal([
      differs('this phase', 'suite'),
      '43a',
    ]);
    expect(await told(workspace, asked({ temperature: 0.7, system: 'Be brief.' }))).to.deep.equal([
      differs('this phase', 'system prompt, temperature'),
      '43a',
    ]);
    const variants = { hot: { eval: { temperature: 0.7 } } };
    expect(await told(workspace, { ...next, variants })).to.deep.equal([differs('variant hot', 'temperature'), '43a']);
  });

  it('of a phase that is gone meanwhile is left to the rows', async () => {
    const workspace = await configWorkspace();
    await workspace.write('suites/old.yaml', smallSuite);
    await workspace.accept({ ...plainConfig, eval: { suite: 'suites/old.yaml' } });
    await workspace.write('suites/old.yaml', 'suite: [');
    expect(await told(workspace, { ...plainConfig, phase: '44', baseline: '43a' })).to.deep.equal(['43a']);
  });
});
