/** When a failed attempt is repeated: after a pause, at the next `up`, once more, with space again, or never. */
export type Retry = 'transient' | 'resume' | 'once' | 'wait' | 'never';

/** Everything that can go wrong in a stage: its meaning and what to do next. Messages have only these words. */
export const catalogue = {
  GPU_FAULT: {
    retry: 'transient',
    what: 'The GPU timed out or was reset',
    next: 'If it keeps happening, close other programs that use the GPU.',
  },
  OUTPUT_DAMAGED: { retry: 'transient', what: 'A file is incomplete', next: 'If it keeps happening, check the disk.' },
  SERVER_DIED: {
    retry: 'transient',
    what: 'The model server stopped before it had answered',
    next: 'Read log.txt in the stage folder. The usual cause is too little memory.',
  },
  CONNECTION_RESET: {
    retry: 'transient',
    what: 'The connection to the model server broke',
    next: 'Read log.txt in the stage folder.',
  },
  WRONG_SERVER: {
    retry: 'transient',
    what: 'The server that answers is not the one that was started',
    next: 'Each retry uses another port. To find the other server, run `lsof -iTCP -sTCP:LISTEN`.',
  },
  TOOL_LOST: {
    retry: 'transient',
    what: 'The tool was killed by something other than phasebox',
    next: 'If it keeps happening, the usual cause is too little memory: the system kills processes when it runs out. Use a smaller batch_size or max_seq_length. Submit the changed config again, under a new phase name if a run of the phase has finished a stage.',
  },
  STALLED: {
    retry: 'transient',
    what: 'The tool showed no progress for too long, so phasebox stopped it',
    next: 'A training resumes at its last saved state. If it keeps happening, read the log (`phasebox logs RUN STAGE`) and update mlx and mlx-lm. If the tool is only slow, raise `stall_minutes` in phasebox.yaml.',
  },
  NOT_STARTED: {
    retry: 'transient',
    what: 'The system did not start the tool',
    next: '`E2BIG` means that `env` and the command are too long together. `EAGAIN` means that too many processes are running.',
  },
  SYSTEM_ERROR: {
    retry: 'transient',
    what: 'The system could not open, read or write a file',
    next: 'For `EIO`, check the disk and its cable or network. For `EMFILE` and `ENFILE`, allow more open files (`ulimit -n 4096`).',
  },
  STOPPED: {
    retry: 'resume',
    what: 'phasebox was stopped while the tool ran',
    next: 'The run resumes at the next `phasebox up`.',
  },
  PAUSED: {
    retry: 'resume',
    what: 'The stage was interrupted by `phasebox pause --now`, by the key `s` after Ctrl-C, or at the end of the night',
    next: 'After `phasebox pause --now`, run `phasebox resume`, with the same run or phase if you named one. The run then continues. After the key `s` or the end of the night (`--pause-at-end`), the next `phasebox up` continues it.',
  },
  OUT_OF_MEMORY: {
    retry: 'once',
    what: 'Not enough memory',
    next: 'Use a smaller batch_size or max_seq_length, fewer num_layers, or grad_checkpoint: true. Submit the changed config again, under a new phase name if a run of the phase has finished a stage.',
  },
  TOOL_FAILED: {
    retry: 'once',
    what: 'The tool failed',
    next: 'Read the last lines of its log. `phasebox logs RUN STAGE` prints the whole log.',
  },
  DISK_FULL: {
    retry: 'wait',
    what: 'Not enough disk space',
    next: 'Free some space (`phasebox gc` shows what can be deleted). The run then resumes.',
  },
  BAD_SETTINGS: {
    retry: 'never',
    what: 'The tool rejects the settings',
    next: 'Correct the config and submit it again, under a new phase name if a run of the phase has finished a stage.',
  },
  BAD_MODEL: {
    retry: 'never',
    what: 'The base model cannot be used',
    next: 'Repair or replace the model as the message says, then `phasebox retry RUN`.',
  },
  BAD_DATA: {
    retry: 'never',
    what: 'The data cannot be trained on',
    next: 'Correct the data, then `phasebox retry RUN`. If the config is wrong, correct it and submit it again, under a new phase name if a run of the phase has finished a stage.',
  },
  BUFFER_LIMIT: {
    retry: 'never',
    what: 'The GPU has no buffer handles left, which is not a lack of memory',
    next: 'Update mlx and mlx-lm, then `phasebox retry RUN`. If it happens again, split the training into shorter runs and continue each one with `resume_adapter_file`.',
  },
  NO_ACCESS: {
    retry: 'never',
    what: 'A file or folder cannot be read or written',
    next: 'Correct the permissions, or make the disk writable, then `phasebox retry RUN`.',
  },
  NAN_LOSS: {
    retry: 'never',
    what: 'The loss is no longer a finite number',
    next: 'Lower learning_rate, or check that max_seq_length does not cut off answers. Submit the changed config again, under a new phase name if a run of the phase has finished a stage.',
  },
  MISSING_INPUT: {
    retry: 'never',
    what: 'An input of the stage is missing',
    next: 'Restore it, then `phasebox retry RUN`.',
  },
  DAMAGED_FILE: {
    retry: 'never',
    what: 'A file that phasebox wrote can no longer be read',
    next: 'Restore the file, or delete the run that it belongs to. `phasebox verify` lists every damaged file.',
  },
  INPUT_CHANGED: {
    retry: 'never',
    what: 'An input of the stage was changed after phasebox recorded it',
    next: 'Restore it, or run `phasebox retry RUN --stage STAGE` to repeat the stage that produced it.',
  },
  CALL_SWALLOWED: {
    retry: 'never',
    what: 'The model server tried to parse a tool call and lost it',
    next: "The run gets no score, because a score without the lost call would be wrong. phasebox turns mlx_lm's tool-call parser off, so this error only occurs if the installed mlx_lm still uses it. Report this with the version of mlx_lm and the server log.",
  },
  ADAPTER_IGNORED: {
    retry: 'never',
    what: 'The server ignores the adapter: base and base + adapter give the same probabilities',
    next: 'Update mlx-lm: the server in 0.31.3 and earlier can ignore --adapter-path. Or use another fuse.mode under a new phase name.',
  },
  DOWNLOAD_FAILED: {
    retry: 'transient',
    what: 'The model could not be downloaded',
    next: 'Check the network, then `phasebox retry RUN`. You can also download the model with `hf download MODEL`.',
  },
  PREFLIGHT_FAILED: {
    retry: 'never',
    what: 'A preflight command failed',
    next: 'Fix what its output reports, then `phasebox retry RUN`.',
  },
  ENVIRONMENT: {
    retry: 'never',
    what: 'A package is missing from the Python environment, or its packages are incompatible',
    next: 'Do what the message says, then `phasebox retry RUN`. `phasebox doctor` checks the environment.',
  },
  SOURCE_FAILED: {
    retry: 'never',
    what: 'The run that this run starts from cannot provide its model or adapter',
    next: 'This run needs a stage of another run, and that other run failed, was cancelled, was deleted or is damaged. The message says which run it is and what happened to it. Fix the cause and `phasebox retry` the other run. This run is then queued again as well.',
  },
  CANCELLED: { retry: 'never', what: 'The run was cancelled', next: '`phasebox retry RUN` resumes it.' },
  INTERNAL: { retry: 'once', what: 'phasebox itself failed', next: 'Report this with the log in .phasebox/log/.' },
} as const satisfies Record<string, { retry: Retry; what: string; next: string }>;

export type ErrorCode = keyof typeof catalogue;

/** A failure of a stage, with its code in the catalogue. `message` is what the code means, then the case at hand. */
export class StageError extends Error {
  override readonly name = 'StageError';
  readonly code: ErrorCode;
  /** The case at hand, without the meaning of the code. */
  readonly detail: string;
  /** Another attempt would end in the same way, whatever the catalogue says. */
  readonly isFinal: boolean;

  constructor(code: ErrorCode, detail: string, options?: ErrorOptions & { readonly isFinal?: boolean }) {
    super(`${catalogue[code].what}: ${detail}`, options);
    this.code = code;
    this.detail = detail;
    this.isFinal = options?.isFinal === true;
  }
}

/** An error that ends a command: what is wrong, where, what to do. The help of each command lists its exit codes. */
export class CommandError extends Error {
  override readonly name: string = 'CommandError';
  readonly exitCode: 1 | 2 | 3;

  constructor(exitCode: 1 | 2 | 3, message: string, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** A file of phasebox that something else has changed: it is damaged, of another kind, or of a newer version. */
export class DamagedFile extends CommandError {
  override readonly name = 'DamagedFile';
  readonly path: string;
  /** What is wrong with the file, without its path. */
  readonly reason: string;

  constructor(path: string, reason: string, options?: ErrorOptions & { readonly remedy?: string }) {
    super(3, `${path} cannot be read: ${reason}. ${options?.remedy ?? catalogue.DAMAGED_FILE.next}`, options);
    this.path = path;
    this.reason = reason;
  }
}

/** What an error of the file system means for a stage. */
const causeOf: Readonly<Partial<Record<string, ErrorCode>>> = {
  ...{ ENOSPC: 'DISK_FULL', EDQUOT: 'DISK_FULL' },
  ...{ EACCES: 'NO_ACCESS', EPERM: 'NO_ACCESS', EROFS: 'NO_ACCESS' },
  ...{ EIO: 'SYSTEM_ERROR', EMFILE: 'SYSTEM_ERROR', ENFILE: 'SYSTEM_ERROR', ESTALE: 'SYSTEM_ERROR' },
};

/** Any thrown value as a StageError. An unknown one is a fault of phasebox, and its message says so. */
export function asStageError(error: unknown): StageError {
  if (error instanceof StageError) return error;
  if (error instanceof DamagedFile)
    return new StageError('DAMAGED_FILE', `${error.path}: ${error.reason}`, { cause: error });
  if (error instanceof Error) {
    // A signal that may not be sent is not an error of the file system.
    const known = 'code' in error && !('syscall' in error && error.syscall === 'kill');
    const code = known ? causeOf[String(error.code)] : undefined;
    return new StageError(code ?? 'INTERNAL', error.message, { cause: error });
  }
  return new StageError('INTERNAL', String(error));
}

/** What was thrown, as a sentence: not everything that is thrown is an Error. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
