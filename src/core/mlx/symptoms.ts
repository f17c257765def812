import type { ErrorCode } from '../errors.ts';
import { updateMlxLm } from './known-pairs.ts';

/** A line of a tool's log that shows why it failed. `advice` says what to do, if the code alone does not. */
interface Symptom {
  readonly code: ErrorCode;
  readonly pattern: RegExp;
  readonly advice?: string | ((match: RegExpExecArray) => string);
}

/** Packages on PyPI whose names differ from the imported module. */
const packages: Readonly<Partial<Record<string, string>>> = {
  google: 'protobuf',
  yaml: 'pyyaml',
  PIL: 'pillow',
  mlx_lm: 'mlx-lm',
  sklearn: 'scikit-learn',
};

const install = (module: string): string => {
  const [name = module] = module.split('.');
  return `Install it for the Python that phasebox uses: python -m pip install ${packages[name] ?? name}.`;
};

/** mlx_lm that is older than mlx: its routers of a mixture of experts lack a stop_gradient (known-pairs.ts). */
const staleRouter = `This mlx-lm cannot train a mixture of experts with this mlx. Update mlx-lm: ${updateMlxLm}.`;
const otherWeights =
  'The weights are not those that config.json describes: a shard is missing, or files of two models are mixed. Fetch the model again.';
const damaged = 'The file is damaged, cut off, or not a safetensors file at all. Fetch the model again.';

/**
 * The first entry that matches a line at the end of the log decides. Memory comes before GPU, since Metal reports both
 * as callback errors. BUFFER_LIMIT comes before memory, since both name metal::malloc.
 */
export const symptoms: readonly Symptom[] = [
  {
    code: 'DISK_FULL',
    // mlx's writer reports no errno: a short write to a file that it could open means a full disk.
    pattern: /No space left on device|Disk quota exceeded|\[Errno (?:28|122)\]|\[write\] Unable to write/,
  },
  { code: 'BUFFER_LIMIT', pattern: /\[metal::malloc\] Resource limit \(\d+\) exceeded/ },
  {
    code: 'OUT_OF_MEMORY',
    pattern:
      /\[metal::malloc\]|\[malloc(?:_or_wait)?\]|std::bad_alloc|\bMemoryError\b|CallbackErrorOutOfMemory|Insufficient Memory|Cannot allocate memory/i,
  },
  {
    code: 'OUT_OF_MEMORY',
    pattern: /cuda\w*\(.*failed: out of memory|CUDA(?: error)?:? out of memory|CUBLAS_STATUS_ALLOC_FAILED/i,
  },
  {
    code: 'GPU_FAULT',
    pattern:
      /kIOGPUCommandBufferCallbackError|GPU (?:Timeout|Hang|Watchdog)|GPU watchdog|Command buffer execution failed/i,
  },
  { code: 'ENVIRONMENT', pattern: /No module named '?mlx(?:_lm)?\b|Library not loaded:|ImportError: .*mlx/ },
  {
    code: 'ENVIRONMENT',
    pattern: /^ValueError: Model type \S+ not supported/,
    advice: `This mlx-lm does not know the model. A newer one may: ${updateMlxLm}.`,
  },
  { code: 'ENVIRONMENT', pattern: /Cannot calculate VJP with respect to indices/, advice: staleRouter },
  {
    code: 'ENVIRONMENT',
    pattern: /numpy\.dtype size changed|compiled using NumPy 1\.x|numpy\.core\.multiarray failed to import/,
    advice:
      'A package was built for another numpy. Install them again: python -m pip install --upgrade --force-reinstall numpy mlx-lm.',
  },
  {
    code: 'ENVIRONMENT',
    pattern: /^AttributeError: 'str' object has no attribute '__module__'/,
    advice: `mlx-lm 0.31.3 and older cannot be imported with transformers 5.13 and newer. Update mlx-lm: ${updateMlxLm}.`,
  },
  {
    code: 'MISSING_INPUT',
    pattern:
      /FileNotFoundError|No such file or directory|\[load(?:_safetensors)?\] Failed to open|No safetensors found|HFValidationError|LocalEntryNotFoundError|OfflineModeIsEnabled|RepositoryNotFoundError|No module named 'datasets'|there is no \S+ in it/,
  },
  {
    code: 'ENVIRONMENT',
    pattern: /^ModuleNotFoundError: No module named '([\w.]+)'/,
    advice: ([, module = '']) => install(module),
  },
  {
    code: 'ENVIRONMENT',
    pattern: /^ImportError: (?:cannot import name|.*(?:undefined symbol|Symbol not found|cannot open shared object))/,
    advice: `Its packages do not fit together. Update them: ${updateMlxLm}.`,
  },
  { code: 'NO_ACCESS', pattern: /\[Errno (?:1|13|30)\] |^PermissionError\b|Read-only file system/ },
  {
    code: 'BAD_MODEL',
    pattern:
      /^ValueError: (?:Missing \d+ parameters|Received \d+ parameters not in model|Expected shape .* for parameter)/,
    advice: otherWeights,
  },
  { code: 'BAD_MODEL', pattern: /\[load_safetensors\] (?:Invalid|Tensor .* invalid)/, advice: damaged },
  {
    code: 'BAD_SETTINGS',
    pattern: /^ValueError: \[grad\] Must specify at least one argument/,
    advice:
      'No layer got an adapter: correct train.lora_parameters.keys, or leave keys out to adapt every linear layer.',
  },
];
