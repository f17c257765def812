import { expect } from 'chai';
import fc from 'fast-check';
import { stringify } from 'yaml';
import { phaseDefaults } from '../../../src/core/config/check-train.ts';
import { readConfig } from '../../../src/core/config/read-config.ts';
import { configWorkspace, mlxFacts, plainConfig, plainText } from '../../helpers/config-workspace.ts';

describe('a config that is right', () => {
  it('becomes one run with all settings and absolute paths', async () => {
    const workspace = await configWorkspace();
    const { runs, config, phase, warnings } = await workspace.plan(plainConfig);
    expect(runs).to.deep.equal([
      {
        run: '43a-s0',
        phase: '43a',
        seed: 0,
        variant: null,
        title: null,
        hypothesis: null,
        model: { source: 'models/tiny', folder: `${workspace.root}/models/tiny`, revision: null, download: false },
        data: { source: 'data/rows', folder: `${workspace.root}/data/rows` },
        min_rows: {},
        from: null,
        chain: ['train', 'fuse', 'cleanup', 'eval'],
        settings: {
          train: { iters: 20, learning_rate: 1e-4 },
          select: { by: 'last' },
          fuse: { mode: 'direct', q_bits: 5, q_group_size: 64 },
          cleanup: { keep_checkpoints: 'all', keep_model: 'all' },
          eval: {
            suite: `${workspace.root}/suites/small.yaml`,
            temperature: 0,
            max_tokens: 512,
            timeout_s: 120,
            retries: 2,
            repeats: 1,
            concurrency: 1,
            score_by: 'lenient',
            stop: ['<|im_end|>', '<|endoftext|>'],
            chat_template_args: {},
            base: true,
            cost: true,
          },
        },
        train_defaults: phaseDefaults(mlxFacts.defaults),
        criteria: null,
        baseline: null,
        env: {},
        preflight: [],
        cooldown_s: 0,
      },
    ]);
    expect(phase).to.equal(config.phase);
    expect(config).to.deep.include({
      phase: '43a',
      seeds: [0],
      eval: { ...runs[0]?.settings.eval, suite: 'suites/small.yaml' },
    });
    expect(warnings).to.deep.equal([]);
  });

  for (const name of ['43', '4e3', 'no', '0x1F', '1_000', '1.50', 'true', '2024-01-01', '"43"', "'4e3'"]) {
    it(`is called as written: ${name}`, async () => {
      const workspace = await configWorkspace();
      const { runs } = await workspace.plan(plainText.replace('phase: 43a', `phase: ${name} # a comment`));
      expect(runs[0]?.run).to.equal(`${name.replaceAll(/["']/g, '')}-s0`);
    });
  }

  it('may be JSON, with a byte order mark', async () => {
    const workspace = await configWorkspace();
    const json = JSON.stringify(plainConfig).replace('"43a"', '4e3');
    expect((await workspace.plan(`\uFEFF${json}`)).phase).to.equal('4e3');
  });

  it('has names of other phases as they are written', async () => {
    const workspace = await configWorkspace();
    await workspace.accept(plainText.replace('phase: 43a', 'phase: 4e3'));
    const { config } = await workspace.plan('phase: 5e3\nextends: 4e3\nbaseline: 4e3\n');
    expect(config).to.deep.include({ phase: '5e3', extends: '4e3', baseline: '4e3', train: plainConfig.train });
  });

  it('is the phase that is accepted when only the case differs', async () => {
    const workspace = await configWorkspace();
    await workspace.accept(plainConfig);
    const { runs, warnings } = await workspace.plan({ ...plainConfig, phase: '43A' });
    expect(runs[0]?.run).to.equal('43a-s0');
    expect(warnings[0]).to.contain('43A is read as 43a');
  });

  it('reads null as absent, except the bits of fuse', async () => {
    const workspace = await configWorkspace();
    const nulls = { title: null, seeds: null, variants: { x: null }, from: null, cleanup: { keep_model: null } };
    const { config } = await workspace.plan({ ...plainConfig, ...nulls, fuse: { q_bits: null, mode: null } });
    expect(config).to.deep.include({
      seeds: [0],
      variants: {},
      fuse: { mode: 'direct', q_bits: null, q_group_size: 64 },
    });
    expect(config).to.not.have.any.keys('title', 'from');
  });

  it('makes a run of each seed, counting those given twice', async () => {
    const workspace = await configWorkspace();
    const ids = async (seeds: unknown) => (await workspace.plan({ ...plainConfig, seeds })).runs.map(({ run }) => run);
    expect(await ids(3)).to.deep.equal(['43a-s0', '43a-s1', '43a-s2']);
    expect(await ids([0, 0, 1, 0])).to.deep.equal(['43a-s0', '43a-s0.2', '43a-s1', '43a-s0.3']);
    expect((await workspace.plan({ ...plainConfig, seeds: 3 })).config.seeds).to.deep.equal([0, 1, 2]);
  });

  it('has the stages that its settings ask for', async () => {
    const workspace = await configWorkspace();
    const chain = async (fuse: object) => (await workspace.plan({ ...plainConfig, fuse })).runs[0]?.chain.join(' ');
    expect(await chain({ mode: 'two_step' })).to.equal('train fuse quantize cleanup eval');
    expect(await chain({ mode: 'two_step', q_bits: null })).to.equal('train fuse cleanup eval');
    expect(await chain({ mode: 'none' })).to.equal('train cleanup eval');
  });
});

describe('readConfig', () => {
  it('plans what is right although model and data are not here, and does not accept it', async () => {
    const { lookups } = await configWorkspace();
    const config = stringify({
      ...plainConfig,
      model: 'org/none',
      data: 'data/none',
      variants: { q4: { fuse: { q_bits: 4 } } },
    });
    const result = await readConfig(Buffer.from(config), 'a.yaml', lookups);
    expect(result.ok).to.equal(false);
    if (result.ok) return;
    expect(result.problems.map(({ path }) => path)).to.deep.equal(['model', 'data']);
    expect(result.plan?.runs.map(({ run, model }) => [run, model?.folder])).to.deep.equal([
      ['43a-s0', null],
      ['43a-s0-q4', null],
    ]);
  });

  it('accepts a hub model that is to be fetched, and says so', async () => {
    const workspace = await configWorkspace();
    const { runs, warnings } = await workspace.plan({
      ...plainConfig,
      model: 'org/none',
      revision: 'v1',
      download: true,
    });
    expect(runs[0]?.model).to.deep.equal({ source: 'org/none', folder: null, revision: 'v1', download: true });
    expect(warnings[0]).to.contain('org/none is not here yet');
  });

  it('is done with a file of thousands of faults, and tells how many more there are', async () => {
    const workspace = await configWorkspace();
    const lines = Array.from({ length: 4000 }, (_, n) => `k${n}: 1`).join('\n');
    const reasons = await workspace.reasons(`phase: a\n${lines}\nenv:\n${lines.replaceAll(/^/gm, '  ')}\n`);
    expect(reasons).to.contain('and 3980 unknown keys more');
    expect(reasons).to.contain('problems more');
    expect(reasons.split('\n\n')).to.have.lengthOf.below(200);
  });

  it('checks the rest of a file that has more unknown keys than are listed', async () => {
    const workspace = await configWorkspace();
    const unknown = Object.fromEntries(Array.from({ length: 200 }, (_, n) => [`k${n}`, 1]));
    const reasons = await workspace.reasons({ ...plainConfig, ...unknown, model: './nowhere' });
    expect(reasons).to.contain('and 180 unknown keys more');
    expect(reasons, 'the model is checked too').to.match(/nowhere does not exist/);
  });

  it('never throws, whatever the mapping', async () => {
    const workspace = await configWorkspace();
    await workspace.accept(plainConfig);
    const word = fc.oneof(
      fc.constantFrom(
        '43a',
        '43a-s0',
        'models/tiny',
        'data/rows',
        'suites/small.yaml',
        'train',
        'none',
        '~',
        '../..',
        '\0',
      ),
      fc.string(),
    );
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        { maxDepth: 3 },
        word,
        fc.double(),
        fc.integer(),
        fc.boolean(),
        fc.constant(null),
        tie('list'),
        tie('map'),
      ),
      list: fc.array(tie('any'), { maxLength: 3 }),
      map: fc.dictionary(fc.oneof(keys, word), tie('any'), { maxKeys: 5 }),
    })).any;
    const config = fc.dictionary(fc.oneof(keys, word), value, { maxKeys: 12 });
    await fc.assert(
      fc.asyncProperty(config, fc.boolean(), async (own, whole) => {
        const mapping = whole ? { ...plainConfig, ...own } : own;
        const result = await readConfig(Buffer.from(stringify(mapping)), 'a.yaml', workspace.lookups);
        if (result.ok) expect(result.plan.runs).to.not.have.lengthOf(0);
        else expect(result.problems).to.not.have.lengthOf(0);
      }),
      { numRuns: 400 },
    );
  });
});

const keys = fc.constantFrom(
  ...[
    'phase',
    'model',
    'revision',
    'download',
    'data',
    'min_rows',
    'seeds',
    'train',
    'select',
    'fuse',
    'cleanup',
    'eval',
  ],
  ...['baseline', 'criteria', 'variants', 'from', 'extends', 'env', 'preflight', 'cooldown_s', 'suite', 'run', 'after'],
  ...['adapter', 'checkpoint', 'gate', 'outcomes', 'when', 'then', 'iters', 'lora_parameters', 'q_bits', 'by', 'mode'],
  ...['name', 'categories', '__proto__', 'constructor', 'toString', '<<', 'q4'],
);
