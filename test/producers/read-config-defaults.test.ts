import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { withEarlier } from '../../src/core/config/lookups.ts';
import { readConfig } from '../../src/core/config/read-config.ts';
import { run as runSchema } from '../../src/events/run.ts';
import { acceptConfig } from '../../src/producers/accept.ts';
import {
  type ConfigWorkspace,
  configWorkspace,
  mlxFacts,
  plainConfig,
  plainText,
} from '../helpers/config-workspace.ts';
import { acceptInto, freshWorkspace } from './setting.ts';

describe("a plan's training defaults", () => {
  let workspace: ConfigWorkspace;
  beforeEach(async () => {
    workspace = await configWorkspace();
  });

  const draftOf = async (facts: Partial<typeof mlxFacts>, config: string = plainText) => {
    const lookups = { ...workspace.lookups, facts: async () => ({ ...mlxFacts, ...facts }) };
    const read = await readConfig(Buffer.from(config), 'a.yaml', withEarlier(lookups, []));
    return read.ok ? read.plan.runs[0] : expect.fail(JSON.stringify(read.problems));
  };

  it('are those of the installed mlx_lm, without what is for phasebox to set', async () => {
    const { model: _model, train: _train, data: _data, seed: _seed, ...rest } = mlxFacts.defaults;
    const { adapter_path: _path, config: _config, report_to: _report, test: _test, test_batches: _n, ...own } = rest;
    expect((await draftOf({}))?.train_defaults).to.eql(own);
    const other = await draftOf({ defaults: { ...mlxFacts.defaults, batch_size: 8 } });
    expect(other?.train_defaults).to.include({ batch_size: 8 });
    expect(other?.settings.train, 'the settings stay as they were written').to.eql(plainConfig.train);
  });

  it('are left out where nothing is trained, and where no mlx_lm could be asked', async () => {
    const judged = `phase: m\nfrom: { model: models/tiny }\neval: { suite: suites/small.yaml }\n`;
    expect(await draftOf({}, judged)).not.to.have.property('train_defaults');
    expect(await draftOf({ defaults: {}, versions: {}, unchecked: 'no python' })).not.to.have.property(
      'train_defaults',
    );
  });

  it('are those of the training that a run takes over', async () => {
    await workspace.accept(plainText);
    const later = `phase: l\nfrom: { run: 43a-s0, after: train }\nselect: { by: val_loss }\neval: { suite: suites/small.yaml }\n`;
    const newer = { defaults: { ...mlxFacts.defaults, save_every: 7 } };
    expect((await draftOf(newer, later))?.train_defaults).to.include({ save_every: 100 });
    const path = join(workspace.root, 'artifacts/43a/43a-s0/run.json');
    const { train_defaults: _defaults, ...older } = JSON.parse(await readFile(path, 'utf8'));
    await writeFile(path, JSON.stringify(older));
    expect(await draftOf(newer, later), 'as 0.1.0 wrote it').not.to.have.property('train_defaults');
  });

  it('do not make the same config another one when mlx_lm was upgraded', async () => {
    const { artifacts } = await freshWorkspace();
    const accept = async (facts: Partial<typeof mlxFacts>) => {
      const draft = await draftOf(facts);
      if (draft === undefined) throw new Error('no run');
      const plan = { phase: '43a', config: plainConfig, runs: [draft], warnings: [] };
      const context = { ...acceptInto({ artifacts } as never), read: async () => ({ ok: true, plan }) as never };
      return acceptConfig({ name: 'a.yaml', acceptedAs: 'a.yaml', bytes: Buffer.from('') }, context);
    };
    expect(await accept({})).to.include({ kind: 'accepted' });
    const path = join(artifacts, '43a/43a-s0/run.json');
    const first = runSchema.parse(JSON.parse(await readFile(path, 'utf8')));
    expect(first.train_defaults).to.include({ batch_size: 4 });
    // A crash came before phase.json: the run that is there is the one that is meant.
    await rm(join(artifacts, '43a/phase.json'));
    const upgraded = { defaults: { ...mlxFacts.defaults, batch_size: 8 } };
    expect(await accept(upgraded)).to.include({ kind: 'accepted' });
    expect(await accept(upgraded)).to.deep.include({ kind: 'accepted', newRuns: [], knownRuns: ['43a-s0'] });
    expect(runSchema.parse(JSON.parse(await readFile(path, 'utf8')))).to.eql(first);
  });
});
