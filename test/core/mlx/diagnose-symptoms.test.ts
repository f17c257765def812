import { expect } from 'chai';
import { catalogue, type ErrorCode } from '../../../src/core/errors.ts';
import { diagnose } from '../../../src/core/mlx/diagnose.ts';

/** How a log of mlx_lm ends when it fails while it loads or trains. */
const traceback = (line: string): string[] => [
  'Loading pretrained model',
  'Traceback (most recent call last):',
  '  File "/v/lib/python3.11/site-packages/mlx_lm/lora.py", line 374, in run',
  '  File "/v/lib/python3.11/site-packages/mlx_lm/utils.py", line 310, in load_model',
  ...line.split('\n'),
];

const cases: readonly (readonly [ErrorCode, string, RegExp])[] = [
  ['ENVIRONMENT', 'ValueError: Model type qwen4_moe not supported.', /pip install --upgrade mlx-lm/],
  ['BAD_MODEL', 'ValueError: Missing 13 parameters: \nmodel.layers.1.mlp.up_proj.weight.', /13 parameters.*shard/s],
  ['BAD_MODEL', 'ValueError: Received 112 parameters not in model: \nmodel.visual.x.', /112 parameters/],
  [
    'ENVIRONMENT',
    'ValueError: [gather_axis] Cannot calculate VJP with respect to indices. Use stop_gradient on indices.',
    /mixture of experts.*pip install --upgrade mlx-lm/s,
  ],
  ['BAD_SETTINGS', 'ValueError: [grad] Must specify at least one argument.', /lora_parameters\.keys/],
  [
    'ENVIRONMENT',
    'ValueError: numpy.dtype size changed, may indicate binary incompatibility. Expected 96 from C header, got 88',
    /numpy/,
  ],
  ['BUFFER_LIMIT', 'RuntimeError: [metal::malloc] Resource limit (499000) exceeded.', /Resource limit/],
  ['OUT_OF_MEMORY', 'RuntimeError: cudaMallocAsync(&buf, size, stream) failed: out of memory', /out of memory/],
  ['ENVIRONMENT', "ModuleNotFoundError: No module named 'tiktoken'", /pip install tiktoken/],
  ['NO_ACCESS', "OSError: [Errno 30] Read-only file system: 'adapter'", /adapter/],
  // neighbours
  ['NO_ACCESS', "PermissionError: [Errno 13] Permission denied: '/data/train.jsonl'", /train\.jsonl/],
  ['BAD_MODEL', 'RuntimeError: [load_safetensors] Invalid json header length file m/model.safetensors', /header/],
  [
    'BAD_MODEL',
    "RuntimeError: [load_safetensors] Tensor 'a' invalid data offsets (50048, 52352) exceeding the size of the file. Perhaps an incomplete download or corrupt file?",
    /exceeding the size/,
  ],
  [
    'BAD_MODEL',
    'ValueError: Expected shape (64, 64) but received shape (64, 8) for parameter model.layers.0.self_attn.q_proj.weight',
    /Expected shape/,
  ],
  [
    'ENVIRONMENT',
    "AttributeError: 'str' object has no attribute '__module__'. Did you mean: '__mod__'?",
    /transformers/,
  ],
  ['ENVIRONMENT', "ImportError: cannot import name 'rprint' from 'mlx_lm.cli_ui' (/v/mlx_lm/cli_ui.py)", /rprint/],
  ['ENVIRONMENT', "ModuleNotFoundError: No module named 'google.protobuf'", /pip install protobuf/],
  ['ENVIRONMENT', 'ImportError: /v/numpy/core/_multiarray_umath.so: undefined symbol: PyX', /undefined symbol/],
  ['OUT_OF_MEMORY', 'RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED', /ALLOC_FAILED/],
  ['MISSING_INPUT', "ModuleNotFoundError: No module named 'datasets'", /datasets/],
];

describe('core/diagnose, the last line of a traceback', () => {
  for (const [code, line, told] of cases) {
    it(`${code}: ${line.slice(0, 70)}`, () => {
      const error = diagnose(1, traceback(line));
      expect(error.code).to.equal(code);
      expect(error.message).to.match(told);
    });
  }

  it('names the Python whose packages are to be changed, for a shell', () => {
    const python = "/a b/it's $&/python";
    const word = "'/a b/it'\\''s $&/python'";
    const told = (line: string): string => diagnose(1, traceback(line), python).message;
    expect(told("ModuleNotFoundError: No module named 'google.protobuf'")).to.contain(
      `: ${word} -m pip install protobuf.`,
    );
    expect(told("ImportError: cannot import name 'x' from 'y'")).to.contain(`${word} -m pip install --upgrade mlx-lm`);
    expect(told('ValueError: numpy.dtype size changed')).to.contain(`${word} -m pip install --upgrade --force`);
    // What the tool itself said stays.
    expect(told("ModuleNotFoundError: No module named 'a'; try python -m pip")).to.contain('; try python -m pip');
  });

  it('repeats nothing that cannot come out otherwise', () => {
    for (const code of ['ENVIRONMENT', 'BAD_MODEL', 'NO_ACCESS', 'BUFFER_LIMIT'] as const)
      expect(catalogue[code].retry, code).to.equal('never');
  });

  it('takes no warning on the way for the cause', () => {
    const warned = ['UserWarning: No module named flash_attn, using the slow path', ...traceback('ValueError: odd')];
    expect(diagnose(1, warned).code).to.equal('BAD_SETTINGS');
  });
});
