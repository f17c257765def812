import { execFile } from 'node:child_process';
import { statSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { tempDir } from '../helpers/temp.ts';
import { filesBelow, type Seen, tensors, unquantized, watched } from '../helpers/weights-seen.ts';

const repository = resolve(import.meta.dirname, '../..');
const python = process.env.PHASEBOX_TEST_PYTHON ?? join(repository, '.venv/bin/python');
const env = { ...process.env, MLX_DISABLE_COMPILE: '1', HF_HUB_OFFLINE: '1', PYTHONDONTWRITEBYTECODE: '1' };
const fuseDirect = join(repository, 'python/fuse_direct.py');
const data = join(repository, 'demo/data');

const run = (argv: readonly string[], more: Readonly<Record<string, string>> = {}) =>
  promisify(execFile)(python, argv, { env: { ...env, ...more } });

/** A short training of all layers of a demo base; returns the adapter's folder. */
async function trained(model: string, folder: string): Promise<string> {
  const adapter = join(folder, 'adapter');
  const settings = [
    '--mask-prompt',
    '--iters',
    '10',
    '--batch-size',
    '2',
    '--num-layers',
    '2',
    '--max-seq-length',
    '128',
  ];
  const rate = ['--learning-rate', '1e-3', '--val-batches', '1'];
  const paths = ['--model', model, '--data', data, '--adapter-path', adapter];
  await run(['-m', 'mlx_lm', 'lora', '--train', ...paths, ...settings, ...rate]);
  return adapter;
}

/** Every file below a folder: path inside it -> bytes in base64. */
async function contents(folder: string): Promise<Record<string, string>> {
  const paths = await filesBelow(folder);
  const texts = await Promise.all(paths.map((path) => readFile(path, 'base64')));
  return Object.fromEntries(paths.map((path, index) => [path.slice(folder.length + 1), texts[index] ?? '']));
}

const bases = { 'a mixture of experts': 'A-base', 'a dense model': 'B-base' };

for (const [what, name] of Object.entries(bases)) {
  describe(`model bytes of ${what}, with the real mlx_lm`, () => {
    const model = join(repository, 'demo/models', name);
    const grid = ['--q-bits', '5', '--q-group-size', '64'];
    let folder = '';
    let adapter = '';
    let fused = '';
    let fusing: Seen;

    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'phasebox-bytes-'));
      adapter = await trained(model, folder);
      const steps = join(folder, 'steps');
      await mkdir(steps);
      fused = join(steps, 'fused');
      const paths = ['--model', model, '--adapter-path', adapter, '--save-path', fused];
      fusing = await watched(steps, () => run(['-m', 'mlx_lm', 'fuse', ...paths, '--dequantize']));
    });
    after(() => rm(folder, { recursive: true, force: true }));

    const direct = (out: string): string[] => [fuseDirect, '--model', model, '--adapter', adapter, '--out', out];

    it('fuse_direct makes the bytes of fuse + convert and never has the model unquantized on the disk', async () => {
      const converted = join(folder, 'converted');
      await run(['-m', 'mlx_lm', 'convert', '--hf-path', fused, '--mlx-path', converted, '-q', ...grid]);
      const attempt = join(folder, 'attempt');
      const temporary = join(attempt, 'tmp');
      await mkdir(temporary, { recursive: true });
      const out = join(attempt, 'model');
      // its temporary files are made where they are seen
      const seen = await watched(attempt, () => run([...direct(out), ...grid], { TMPDIR: temporary }));

      const final = await contents(converted);
      expect(Object.keys(final)).to.include.members(['config.json', 'model.safetensors', 'tokenizer.json']);
      expect(await contents(out)).to.deep.equal(final);

      const types = (await tensors(join(converted, 'model.safetensors'))) ?? {};
      expect(unquantized(fusing, types), 'what this watch sees of a float model').to.have.length.greaterThan(10);
      expect(unquantized(seen, types)).to.deep.equal([]);
      const weights = [...seen.files.keys()].filter((path) => path.includes('.safetensors') && !path.endsWith('.json'));
      expect(weights).to.deep.equal([join(out, 'model.safetensors')]);
      const bytes = statSync(join(out, 'model.safetensors')).size;
      expect(seen.peak).to.equal(bytes);
      expect(await readdir(temporary)).to.deep.equal([]);
    });

    it('without --q-bits: the bytes of fuse --dequantize', async () => {
      const out = join(folder, 'raw');
      await run(direct(out));
      expect(await contents(out)).to.deep.equal(await contents(fused));
    });

    it('the adapter acts: another model than the base alone', async () => {
      const weights = (await contents(fused))['model.safetensors'];
      const plain = join(folder, 'plain');
      await run(['-m', 'mlx_lm', 'convert', '--hf-path', model, '--mlx-path', plain, '--dequantize']);
      expect(weights).to.not.equal((await contents(plain))['model.safetensors']);
    });
  });
}

describe('python/fuse_direct.py', () => {
  it('tells all that is wrong at once and leaves an existing folder alone', async () => {
    const folder = await tempDir('fuse');
    const argv = [fuseDirect, '--model', folder, '--adapter', folder, '--out', folder];
    const error = await run(argv).then(
      () => null,
      (failure: { code: number; stderr: string }) => failure,
    );
    expect(error?.code).to.equal(2);
    expect(error?.stderr).to.match(/no config\.json in it\n.*no adapters\.safetensors.*\n.*no adapter_config\.json/);
    expect(error?.stderr).to.match(/it is there already; give a folder that does not exist/);
    expect(await readdir(folder)).to.deep.equal([]);
  });
});
