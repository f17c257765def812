import { type ErrorCode, StageError } from '../errors.ts';
import { updateMlxLm } from './known-pairs.ts';
import { isProgressBar, plainLines } from './mlx-log.ts';
import { forPython } from './python.ts';

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

/** The first match decides: memory comes before GPU and after BUFFER_LIMIT, since their messages overlap. */
const symptoms: readonly Symptom[] = [
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

const settingsError = /^(?:[\w.]*\.)?(?:ValueError|TypeError|KeyError|ScannerError|ParserError)\b/;
const refusedArgument =
  /use fuse\.mode two_step|: error: (?:unrecognized arguments|argument |the following arguments|ambiguous option)/;
/** Traceback frames of the tools whose ValueError means a setting. A ValueError of a server or a hook does not. */
const settingsTool = /mlx_lm[/\\](?:lora|fuse|convert|tuner|utils)\b|fuse_direct\.py/;
const exception = /^(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Interrupt|Exit|NotFound|Enabled)\b/;
/** Signals by the exit code that a shell makes of them: those that a tool raises itself, and those sent to it. */
const ownSignals: Readonly<Record<number, string>> = { 134: 'ABRT', 139: 'SEGV' };
const sentSignals: Readonly<Record<number, string>> = { 129: 'HUP', 130: 'INT', 137: 'KILL', 143: 'TERM' };
const longest = 300;
/** Characters of a line that are read: some patterns take quadratic time. */
const longestLine = 2000;

/** True for the line of a Python traceback with the exception. */
export const isException = (line: string): boolean => exception.test(line);

/** What a log says about the end of its tool: the last exception, else argparse's error, else the last line. */
export function errorText(lines: readonly string[]): string | null {
  const raised = lines.findLastIndex(isException);
  if (raised !== -1) return shortened(messageAt(lines, raised));
  const line = lines.findLast((one) => refusedArgument.test(one)) ?? lines.at(-1);
  return line === undefined ? null : shortened(line);
}

/** mlx and mlx_lm raise messages of several lines: a sentence that ends with a colon, then a list with commas. */
function messageAt(lines: readonly string[], first: number): string {
  let end = first + 1;
  while (end < lines.length && /[:,]\s*$/.test(lines[end - 1] ?? '')) end += 1;
  // The items of an indented list are part of the message too.
  while (end > first + 1 && /^\s+\S/.test(lines[end] ?? '')) end += 1;
  return lines
    .slice(first, end)
    .map((line) => line.trim())
    .join(' ');
}

function shortened(text: string): string {
  const line = text.trim();
  return line.length <= longest ? line : `${line.slice(0, longest - 1)}…`;
}

function symptomOf(lines: readonly string[], python: string): { code: ErrorCode; detail: string } | null {
  for (const { code, pattern, advice } of symptoms) {
    const line = lines.findLast((candidate) => pattern.test(candidate));
    const match = line === undefined ? null : pattern.exec(line);
    if (line === undefined || match === null) continue;
    const reported = isException(line) ? shortened(messageAt(lines, lines.lastIndexOf(line))) : shortened(line);
    const todo = typeof advice === 'function' ? advice(match) : advice;
    const advised = todo === undefined ? reported : `${reported.replace(/[:.]?$/, '.')} ${forPython(todo, python)}`;
    return { code, detail: advised };
  }
  return null;
}

function isSettings(lines: readonly string[]): boolean {
  if (lines.some((line) => refusedArgument.test(line))) return true;
  const last = lines.findLast((line) => exception.test(line));
  return last !== undefined && settingsError.test(last) && lines.some((line) => settingsTool.test(line));
}

/** Why a tool failed: `code` is its exit code (no signal of ours), `tail` ends its log, `python` is for the advice. */
export function diagnose(code: number, tail: readonly string[], python = 'python'): StageError {
  const lines = tail
    .flatMap(plainLines)
    .filter((line) => !isProgressBar(line))
    .map((line) => line.slice(0, longestLine));
  const symptom = symptomOf(lines, python);
  if (symptom) return new StageError(symptom.code, symptom.detail);
  const sent = sentSignals[code];
  // KILL may come from the system if memory ran out, but this cannot be verified: memory may be free again by now.
  if (sent !== undefined) return new StageError('TOOL_LOST', `by signal ${sent}, which phasebox did not send`);
  const reported = errorText(lines);
  if (isSettings(lines)) return new StageError('BAD_SETTINGS', reported ?? `exit code ${code}`);
  const end = ownSignals[code] === undefined ? `exit code ${code}` : `killed by signal ${ownSignals[code]}`;
  return new StageError('TOOL_FAILED', reported === null ? `${end}, nothing in its log` : `${end}: ${reported}`);
}
