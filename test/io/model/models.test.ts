import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { absolutePath } from '../../../src/io/host/home.ts';
import { hubCache, resolveModel } from '../../../src/io/model/models.ts';
import { tempDir } from '../../helpers/temp.ts';

const commit = 'a'.repeat(40);
const old = 'b'.repeat(40);

async function write(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}

/** A hub cache as huggingface_hub lays it out: blobs, links to them in snapshots, refs. */
async function hub(root: string, id = 'org/tiny'): Promise<string> {
  const home = join(root, 'hub', `models--${id.replaceAll('/', '--')}`);
  await write(join(home, 'refs', 'main'), commit);
  await write(join(home, 'refs', 'v1'), old);
  for (const name of [commit, old]) {
    for (const file of ['config.json', 'model.safetensors']) {
      await write(join(home, 'blobs', `${name}-${file}`), 'x');
      await mkdir(join(home, 'snapshots', name), { recursive: true });
      await symlink(join('..', '..', 'blobs', `${name}-${file}`), join(home, 'snapshots', name, file));
    }
  }
  return home;
}

describe('resolveModel', () => {
  const before = process.env.HF_HUB_CACHE;
  let root: string;
  beforeEach(async () => {
    root = await tempDir('models');
    process.env.HF_HUB_CACHE = join(root, 'hub');
  });
  afterEach(() => {
    if (before === undefined) delete process.env.HF_HUB_CACHE;
    else process.env.HF_HUB_CACHE = before;
  });
  const why = async (source: string, revision: string | null = null): Promise<string> => {
    const found = await resolveModel(source, revision, root);
    if (found.found) throw new Error('found');
    return `${found.kind}: ${found.message} | ${found.hint}`.replaceAll(root, 'R');
  };

  it('names an adapter that is given as a model', async () => {
    await write(join(root, 'old/adapter/adapter_config.json'), '{}');
    await write(join(root, 'old/adapter/adapters.safetensors'), 'x');
    expect(await why('old/adapter')).to.match(
      /^folder: R\/old\/adapter has no config\.json; this folder has an adapter .* \| write its base model/,
    );
    const snapshot = join(await hub(root, 'org/peft'), 'snapshots', commit);
    await rm(join(snapshot, 'config.json'));
    await write(join(snapshot, 'adapter_config.json'), '{"peft_type": "LORA"}');
    expect(await why('org/peft')).to.match(
      /^unusable: org\/peft: .*this folder has an adapter .* \| write its base model/,
    );
  });

  it('takes the snapshot that main, another ref or a commit means', async () => {
    const home = await hub(root);
    const at = (name: string) => ({ found: true, folder: join(home, 'snapshots', name), revision: name });
    expect(await resolveModel('org/tiny', null, root)).to.deep.equal(at(commit));
    expect(await resolveModel('org/tiny', 'v1', root)).to.deep.equal(at(old));
    expect(await resolveModel('org/tiny', old, root)).to.deep.equal(at(old));
    expect(await why('org/tiny', 'v2')).to.equal(
      'hub: org/tiny at revision v2 is not a folder in the workspace, and is not in the Hub cache (R/hub) | fetch it: `hf download org/tiny --revision v2`, or write download: true',
    );
    expect(await why('org/tiny', '../../x')).to.contain('../../x is not a revision');
  });

  it('prefers a folder that exists to a hub id, and never looks a path up in the cache', async () => {
    await hub(root);
    expect(await why('./org/tiny')).to.contain('folder: the folder R/org/tiny does not exist');
    expect(await why('a/b/c')).to.contain('folder: the folder R/a/b/c does not exist');
    await write(join(root, 'org/tiny/config.json'), '{}');
    expect(await why('org/tiny')).to.contain('R/org/tiny has no .safetensors file');
    await write(join(root, 'org/tiny/model.safetensors'), 'x');
    const folder = join(root, 'org/tiny');
    expect(await resolveModel('org/tiny', null, root)).to.deep.equal({ found: true, folder, revision: null });
    expect(await resolveModel(folder, null, '/')).to.deep.equal({ found: true, folder, revision: null });
  });

  it('tells what is not whole', async () => {
    const home = await hub(root);
    const snapshot = join(home, 'snapshots', commit);
    await write(
      join(snapshot, 'model.safetensors.index.json'),
      '{"weight_map": {"a": "model-00002-of-00002.safetensors"}}',
    );
    expect(await why('org/tiny')).to.contain(
      `hub: org/tiny is not whole: R/hub/models--org--tiny/snapshots/${commit}/model-00002-of-00002.safetensors is missing`,
    );
    await rm(join(snapshot, 'model.safetensors.index.json'));
    await rm(join(home, 'blobs', `${commit}-model.safetensors`));
    expect(await why('org/tiny')).to.contain('/model.safetensors is missing | fetch it: `hf download org/tiny`');
    await write(join(home, 'blobs', 'x.incomplete'), 'half');
    expect(await why('org/tiny')).to.contain(
      'org/tiny is only partly fetched: R/hub/models--org--tiny/blobs/x.incomplete is there',
    );
  });

  it('finds the cache by the variables of huggingface_hub', () => {
    expect(hubCache({ HF_HUB_CACHE: '/a', HF_HOME: '/b' })).to.equal('/a');
    expect(hubCache({ HF_HOME: '~/b' })).to.equal(join(homedir(), 'b/hub'));
    expect(hubCache({ XDG_CACHE_HOME: '/c' })).to.equal('/c/huggingface/hub');
    expect(hubCache({})).to.equal(join(homedir(), '.cache/huggingface/hub'));
    expect(absolutePath('~', '/w')).to.equal(homedir());
    expect(absolutePath('a/../b', '/w')).to.equal('/w/b');
  });
});
