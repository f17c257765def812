import { readFile } from 'node:fs/promises';
import { expect } from 'chai';
import { diagnose } from '../../../src/core/mlx/diagnose.ts';

const tail = async (name: string): Promise<string[]> =>
  (await readFile(new URL(`../../fixtures/logs/${name}.log`, import.meta.url), 'utf8')).split('\n').slice(-20);

describe('core/diagnose', () => {
  it('reads real tracebacks: settings, a missing model, missing data', async () => {
    const layers = diagnose(1, await tail('too-many-layers-0.32.2'));
    expect(layers.code).to.equal('BAD_SETTINGS');
    expect(layers.message).to.contain('Requested to train 50 layers but the model only has 2 layers.');
    expect(diagnose(1, await tail('no-model-0.32.2')).code).to.equal('MISSING_INPUT');
    expect(diagnose(1, await tail('no-data-0.32.2')).code).to.equal('MISSING_INPUT');
  });

  const cases: readonly (readonly [string, number, readonly string[]])[] = [
    [
      'GPU_FAULT',
      134,
      [
        'libc++abi: terminating due to uncaught exception of type std::runtime_error: [METAL] Command buffer execution failed: Caused GPU Timeout Error (00000002:kIOGPUCommandBufferCallbackErrorTimeout)',
      ],
    ],
    ['GPU_FAULT', 1, ['RuntimeError: [METAL] Command buffer execution failed: Caused GPU Hang Error']],
    [
      'OUT_OF_MEMORY',
      134,
      [
        '[METAL] Command buffer execution failed: Insufficient Memory (00000008:kIOGPUCommandBufferCallbackErrorOutOfMemory)',
      ],
    ],
    ['OUT_OF_MEMORY', 1, ['RuntimeError: [metal::malloc] Attempting to allocate 42949672960 bytes']],
    ['OUT_OF_MEMORY', 134, ["terminate called after throwing an instance of 'std::bad_alloc'"]],
    ['OUT_OF_MEMORY', 137, ['RuntimeError: [malloc] Unable to allocate 42949672960 bytes.']],
    ['TOOL_LOST', 137, ['Loading pretrained model']],
    ['TOOL_LOST', 143, ['Iter 10: Train loss 2.1']],
    ['TOOL_LOST', 130, ['Traceback (most recent call last):', 'KeyboardInterrupt']],
    ['OUT_OF_MEMORY', 1, ['Traceback (most recent call last):', 'MemoryError']],
    ['DISK_FULL', 1, ['OSError: [Errno 28] No space left on device']],
    ['DISK_FULL', 1, ['RuntimeError: [write] Unable to write 2147479552 bytes to file.']],
    ['ENVIRONMENT', 1, ['/usr/bin/python3: No module named mlx_lm']],
    ['ENVIRONMENT', 1, ["ModuleNotFoundError: No module named 'mlx'"]],
    ['MISSING_INPUT', 2, ['--adapter /a/b: there is no adapters.safetensors in it']],
    ['BAD_SETTINGS', 2, ['usage: python -m mlx_lm lora [-h]', '__main__.py: error: unrecognized arguments: --x 1']],
    [
      'BAD_SETTINGS',
      1,
      [
        '  File "/v/mlx_lm/tuner/utils.py", line 65, in to_lora',
        `KeyError: "LoRA config is missing required key 'scale'."`,
      ],
    ],
    ['TOOL_FAILED', 1, ['  File "/home/me/check.py", line 1, in <module>', 'ValueError: battery is low']],
    ['TOOL_FAILED', 139, []],
    ['TOOL_FAILED', 7, ['all is lost']],
  ];
  for (const [code, exit, lines] of cases) {
    it(`says ${code} for exit ${exit}: ${lines.at(-1)?.slice(0, 60) ?? 'an empty log'}`, () => {
      expect(diagnose(exit, lines).code).to.equal(code);
    });
  }

  it('says the whole message of an exception, also when it is a list on lines of its own', () => {
    const incompatible = [
      'Traceback (most recent call last):',
      '  File "/v/mlx_lm/tuner/utils.py", line 168, in load_adapters',
      'ValueError: Adapter at /a contains incompatible tensors:',
      '  model.layers.0.q.lora_a: adapter shape (64, 8) does not match model parameter shape (128, 8)',
      '  model.layers.9.q.lora_a: not an adapter parameter in the model',
      'bye',
    ];
    expect(diagnose(1, incompatible).message)
      .to.contain('incompatible tensors: model.layers.0.q.lora_a: adapter shape (64, 8) does not match')
      .and.contain('model.layers.9.q.lora_a: not an adapter parameter in the model')
      .and.not.contain('bye');
    const missing = [
      'ValueError: Missing 40 parameters: ',
      ...Array.from({ length: 40 }, (_, i) => `layers.${i}.weight,`),
    ];
    expect(diagnose(1, missing).message).to.match(/Missing 40 parameters: layers\.0\.weight, layers\.1\.weight, .*…/);
  });

  it('tells the exception, not the bar or the hint behind it', () => {
    const lines = ['Traceback', 'custom.CustomError: the real reason', '\rCalculating:  10%|#   | 1/10', 'bye'];
    expect(diagnose(1, lines).message).to.contain('exit code 1: custom.CustomError: the real reason');
    expect(diagnose(139, []).message).to.contain('killed by signal SEGV, nothing in its log');
  });
});
