import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { stageBytes } from '../../src/core/mlx/estimate.ts';
import type { Run } from '../../src/events/run.ts';
import type { Made, StageName } from '../../src/events/stages.ts';
import { folderBytes, watchPeak } from '../../src/io/host/disk-usage.ts';
import { readModelShape } from '../../src/io/model/model-folder.ts';
import { stage as fuse } from '../../src/workers/stages/fuse.ts';
import { stage as quantize } from '../../src/workers/stages/quantize.ts';
import { demoBase, demoRun, runStage, testPython } from '../helpers/real-stage.ts';
import { tempDir } from '../helpers/temp.ts';

/* Random weights of a size at which a folder is weights and little else: 52 M parameters, float16 as the Hub has them. */

const makeBase = `
import json, shutil, sys
from pathlib import Path
import mlx.core as mx
from mlx.utils import tree_flatten, tree_map
from mlx_lm.models.qwen3 import Model, ModelArgs

demo, base, adapter = map(Path, sys.argv[1:])
config = json.loads((demo / "config.json").read_text())
for key in ("quantization", "quantization_config"):
    config.pop(key)
config.update(hidden_size=512, intermediate_size=2048, num_hidden_layers=8, num_attention_heads=8, head_dim=64)
config.update(num_key_value_heads=4, vocab_size=20000, torch_dtype="float16")
model = Model(ModelArgs.from_dict(config))
model.update(tree_map(lambda weight: weight.astype(mx.float16), model.parameters()))
base.mkdir()
mx.save_safetensors(str(base / "model.safetensors"), dict(tree_flatten(model.parameters())), {"format": "mlx"})
(base / "config.json").write_text(json.dumps(config))
for name in ("tokenizer.json", "tokenizer_config.json"):
    shutil.copy(demo / name, base)

adapter.mkdir()
rank, name = 8, "model.layers.7.self_attn.q_proj"
tensors = {f"{name}.lora_a": mx.random.normal((512, rank)), f"{name}.lora_b": mx.random.normal((rank, 512))}
mx.save_safetensors(str(adapter / "adapters.safetensors"), tensors)
parameters = {"rank": rank, "dropout": 0.0, "scale": 20.0, "keys": ["self_attn.q_proj"]}
settings = {"fine_tune_type": "lora", "num_layers": 1, "lora_parameters": parameters}
(adapter / "adapter_config.json").write_text(json.dumps(settings))
`;

const adapterMade: Made<'train'> = {
  ...{ adapter: 'adapter', checkpoints: [], iterations: 0, train_loss: null, val_loss: null },
  ...{ profile: null, warm_restart: false },
};

describe('the disk estimate of a base of more than 100 MB, with the real mlx_lm', () => {
  let root = '';
  let base = '';

  before(async () => {
    root = await tempDir('estimate');
    base = join(root, 'base');
    const script = join(root, 'make_base.py');
    await writeFile(script, makeBase);
    await promisify(execFile)(testPython, [script, demoBase('B'), base, join(root, 'adapter')]);
    expect(await folderBytes(base)).to.be.greaterThan(100e6);
  });

  const runOf = (settings: Run['settings']['fuse']): Run =>
    demoRun('B', { fuse: settings, model: { source: base, folder: base, revision: null, download: false } });

  /** Runs a stage under the runner's own watch; estimate and measured peak, bytes. */
  async function measured<T>(run: Run, stage: StageName, dir: string, work: () => Promise<T>) {
    await mkdir(dir);
    const shape = await readModelShape(base, base);
    if (shape === null) throw new Error(`${base} has no shape`);
    const watch = watchPeak(dir);
    const result = await work().finally(() => watch.stop());
    return { result, estimate: stageBytes(shape, run, stage), peak: await watch.stop() };
  }

  const within = ({ estimate, peak }: { estimate: number; peak: number }, what: string): void => {
    expect(estimate / peak, `${what}: estimate ${estimate}, peak ${peak}`).to.be.within(0.9, 1.1);
  };
  const train = () => ({ folder: root, made: adapterMade });

  it('fuse in one step is within 10 % of what its folder has at most', async () => {
    const run = runOf({ mode: 'direct', q_bits: 4, q_group_size: 64 });
    const dir = join(root, 'direct');
    within(await measured(run, 'fuse', dir, () => runStage(fuse, { train: train() }, { run, dir })), 'fuse');
  });

  it('fuse and quantize in two steps are within 10 % each', async () => {
    const run = runOf({ mode: 'two_step', q_bits: 4, q_group_size: 64 });
    const [first, second] = [join(root, 'fused'), join(root, 'quantized')];
    const fused = await measured(run, 'fuse', first, () => runStage(fuse, { train: train() }, { run, dir: first }));
    within(fused, 'fuse');
    const input = { folder: first, made: fused.result.made };
    const one = () => runStage(quantize, { fuse: input }, { run, dir: second });
    within(await measured(run, 'quantize', second, one), 'quantize');
  });
});
