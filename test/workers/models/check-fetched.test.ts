import { join } from 'node:path';
import { expect } from 'chai';
import { readModelFolder } from '../../../src/io/model/model-folder.ts';
import { checkFetched } from '../../../src/workers/models/check-fetched.ts';
import { testPython } from '../../helpers/real-stage.ts';
import { plan } from '../../helpers/runs.ts';
import { makeWorkspace } from '../../helpers/stored.ts';
import { layerShapes, tinyModel } from '../../helpers/tiny-model.ts';

describe('a model that was fetched, before its run starts', () => {
  it('is refused for what acceptance could not see of it', async () => {
    const workspace = await makeWorkspace();
    const model = { source: 'org/tiny', folder: null, revision: null, download: true };
    const { settings } = plan();
    const check = async (config: object, train: object) => {
      const folder = await tinyModel(join(workspace.root, 'fetched'), { shapes: layerShapes(4), config });
      const run = plan({ model, settings: { ...settings, train: { ...train } } });
      return checkFetched({ workspace, python: testPython }, run, { folder, model: await readModelFolder(folder) });
    };
    const refusal = async (config: object, train: object) => {
      const { error, warnings } = await check(config, train);
      expect(warnings).to.eql([]);
      return `${error?.code}: ${error?.message}`;
    };
    expect(await refusal({ model_type: 'qwen9' }, { num_layers: 4 })).to.match(
      /^ENVIRONMENT: .*cannot load the model type qwen9.*pip install --upgrade mlx-lm/,
    );
    expect(await refusal({}, { num_layers: 5 })).to.match(/^BAD_SETTINGS: .*train\.num_layers: the model has 4 layers/);
    const { warnings } = await check({}, { num_layers: 0 });
    expect(warnings[0]).to.match(/num_layers is 0, which mlx_lm reads as all layers/);
  });
});
