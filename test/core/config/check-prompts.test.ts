import { expect } from 'chai';
import type { Rendering, RenderJob } from '../../../src/core/score/rendering.ts';
import { type ConfigWorkspace, configWorkspace, plainConfig, plainRendering } from '../../helpers/config-workspace.ts';

const refusal = {
  id: 'read',
  error: 'no system turn here',
  part: "line 1: {{ raise_exception('no system turn here') }}",
};

describe('the suite meets the chat template when a config is read', () => {
  let workspace: ConfigWorkspace;
  let asked: RenderJob[];
  /** What the templates say from now on. */
  const answer = (rendering: Partial<Rendering>): void => {
    asked = [];
    workspace.lookups.render = async (jobs) => {
      asked.push(...jobs);
      return jobs.map(() => ({ ok: true, rendering: { ...plainRendering, ...rendering } }));
    };
  };
  const refuse = (without_system = true): void => answer({ sha256: null, refused: [{ ...refusal, without_system }] });
  const config = (more: object): object => ({ ...plainConfig, eval: { ...plainConfig.eval, ...more } });

  beforeEach(async () => {
    workspace = await configWorkspace();
  });

  it('refuses the config with the id of the prompt, the words of the template and the remedy', async () => {
    refuse();
    const reasons = await workspace.reasons(plainConfig);
    for (const text of ['eval.suite: ', 'prompt read:', '"no system turn here"', 'raise_exception', 'WS/models/tiny'])
      expect(reasons).to.contain(text);
    expect(reasons).to.contain('write `eval.system: ""`');
    refuse(false);
    expect(await workspace.reasons(plainConfig))
      .to.contain('eval.chat_template_args')
      .and.not.contain('eval.system');
  });

  it('asks with the system prompt, tools and arguments of each run, and each only once', async () => {
    answer({});
    await workspace.plan({
      ...config({ system: 'Be brief.', chat_template_args: { enable_thinking: false } }),
      seeds: [0, 1, 2],
      select: { by: 'suite', suite: 'suites/small.yaml', prompts: 1 },
      variants: { bare: { eval: { system: '' } }, q4: { fuse: { q_bits: 4 } } },
    });
    const [plain, select, bare, ...others] = asked;
    // q4 and the other seeds ask the same; bare starts after the selection.
    expect(others).to.eql([]);
    expect(plain?.requests).to.have.length(2);
    expect(plain?.requests[0]).to.eql({
      id: 'read',
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Show a.py' },
      ],
      chat_template_kwargs: { enable_thinking: false },
    });
    expect(select?.requests).to.have.length(1);
    expect(bare?.requests[0]?.messages).to.eql([{ role: 'user', content: 'Show a.py' }]);
  });

  it('names the variant that is refused', async () => {
    const plan = workspace.lookups.render;
    workspace.lookups.render = async (jobs) =>
      Promise.all(
        jobs.map(async (job) => {
          const refused = JSON.stringify(job.requests).includes('loud') ? [{ ...refusal, without_system: true }] : [];
          return (await plan([job])).map(() => ({
            ok: true as const,
            rendering: { ...plainRendering, refused },
          }))[0] as never;
        }),
      );
    const reasons = await workspace.reasons({ ...plainConfig, variants: { loud: { eval: { system: 'Be loud.' } } } });
    expect(reasons).to.contain('variants.loud.eval.suite: ').and.not.contain('\neval.suite');
  });

  it('warns where nothing is certain: a clock, an engine, no template, no Python', async () => {
    const warnings = async (rendering: Partial<Rendering>, more: object = {}): Promise<string> => {
      answer(rendering);
      return (await workspace.plan(config(more))).warnings.join('\n');
    };
    const clock = await warnings({ dated: '2026-11-28', date_args: ['date_string'] });
    expect(clock).to.contain('strftime_now').and.contain('chat_template_args: { date_string: ');
    expect(await warnings({ dated: '2026-11-28' }))
      .to.contain('strftime_now')
      .and.not.contain('chat_template_args');
    expect(await warnings({ templated: false })).to.contain('no chat template');
    const ignored = await warnings({ ignored: ['system', 'tools', 'enable_thinkin'] });
    for (const text of [
      'leaves the system prompt out',
      'prints no tools',
      '`eval.chat_template_args.enable_thinkin` does nothing',
    ])
      expect(ignored).to.contain(text);
    expect(await warnings({ skipped: ['a'], sha256: null })).to.contain('images');
    const refused = [{ ...refusal, without_system: true }];
    expect(await warnings({ refused }, { engine: { command: ['sh', 'run.sh'] } })).to.contain('no system turn here');
    expect(await warnings({ refused }, { engine: { command: ['sh', 'run.sh'], server: false } })).to.equal('');
    expect(asked).to.eql([]);
    workspace.lookups.render = async (jobs) => jobs.map(() => ({ ok: false, failed: 'No module named mlx' }));
    const unchecked = await workspace.plan(plainConfig);
    // Eval renders them later: it does not stay in the phase's record and its rows.
    expect(unchecked.transient).to.eql(unchecked.warnings);
    expect(unchecked.warnings.join()).to.match(/eval\.suite: .*not checked.*No module named mlx/);
  });

  it('takes the model that is asked: the one of from.model, and none that is still to be fetched', async () => {
    answer({});
    await workspace.plan({ phase: 'm', from: { model: 'models/tiny' }, eval: plainConfig.eval });
    expect(asked.map(({ model }) => model)).to.eql([workspace.lookups.absolute('models/tiny')]);
    answer({});
    await workspace.plan({ ...plainConfig, model: 'org/far', download: true });
    expect(asked).to.eql([]);
  });
});
