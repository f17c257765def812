import { closeSync, existsSync, mkdirSync, openSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { type Logger, pino } from 'pino';
import { CommandError } from '../../core/errors.ts';
import { printable, printableJson, printableLines } from '../../core/printable.ts';
import { secretValues, withoutSecrets } from '../../core/secrets.ts';
import { appending } from '../disk/files.ts';

/** The values of `--log-level`, from everything to nothing. */
export const logLevels: readonly string[] = [...Object.keys(pino.levels.values), 'silent'];

export interface LogOptions {
  /** `.phasebox/log/` of a workspace, which is made if it is missing. */
  readonly folder: string;
  /** One of `logLevels`. */
  readonly level: string;
  /** Also write readable lines to stderr. */
  readonly pretty: boolean;
  /** Bytes of a file, and how many are kept: 5 x 8 MB, so that the log of a detached `up` fits into 50 MB too. */
  readonly fileBytes?: number;
  readonly files?: number;
}

const fileBytesDefault = 8_000_000;
const filesDefault = 5;

/**
 * The workspace's log: JSON lines in `phasebox.log`, and older ones in `phasebox.1.log` .. (the highest is the oldest).
 * Each line is on disk when the call returns. Throws CommandError for an unknown level.
 */
export function openLogger(options: LogOptions): Logger {
  if (!logLevels.includes(options.level)) {
    throw new CommandError(2, `log level "${options.level}" is unknown. Allowed: ${logLevels.join(', ')}.`);
  }
  const toFile = logFile(options);
  const toScreen = options.pretty ? screen() : undefined;
  const known = secretValues(process.env);
  const write = (line: string): void => {
    const safe: unknown = withoutSecrets(JSON.parse(line), known);
    toFile(`${printableJson(safe, 0)}\n`);
    toScreen?.(`${JSON.stringify(safe, (_key, item) => (typeof item === 'string' ? printableLines(item) : item))}\n`);
  };
  const settings = { level: options.level, base: { pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime };
  return pino(settings, { write });
}

/** Readable lines on stderr, since stdout belongs to `--json`. pino-pretty is loaded only here: it takes 26 ms. */
function screen(): (line: string) => void {
  const { prettyFactory } = createRequire(import.meta.url)('pino-pretty') as typeof import('pino-pretty');
  const colorize = process.stderr.isTTY === true && !process.env.NO_COLOR;
  const format = prettyFactory({ colorize, translateTime: 'SYS:HH:MM:ss', ignore: 'pid' });
  return (line) => {
    process.stderr.write(format(line));
  };
}

/** Appends lines. It is opened for each one: after a rotation, other processes must write to the new file too. */
function logFile(options: LogOptions): (line: string) => void {
  const { folder, fileBytes = fileBytesDefault, files = filesDefault } = options;
  const path = join(folder, 'phasebox.log');
  let unchecked = Number.POSITIVE_INFINITY;
  let lost = 0;
  const append = (line: string): void => {
    // A stat per line would double the cost. Lines of other processes are noticed at the next check.
    if (unchecked + line.length > fileBytes / 32) {
      mkdirSync(folder, { recursive: true });
      if (sizeOf(path) + line.length > fileBytes) rotate(folder, files);
      unchecked = 0;
    }
    appendLine(path, line);
    unchecked += line.length;
  };
  return (line) => {
    try {
      if (lost > 0) append(lostLine(lost));
      append(line);
      lost = 0;
    } catch (error) {
      // A full disk must not end a training. It is reported once on stderr, and later in the log.
      if (lost === 0) process.stderr.write(`${printable(`phasebox: cannot write ${path}: ${String(error)}`)}\n`);
      lost += 1;
      unchecked = Number.POSITIVE_INFINITY;
    }
  };
}

/** Not by appendFileSync, which would wait for a reader of a fifo. */
function appendLine(path: string, line: string): void {
  const file = openSync(path, appending);
  try {
    writeSync(file, line);
  } finally {
    closeSync(file);
  }
}

function lostLine(lost: number): string {
  const time = new Date().toISOString();
  return `${JSON.stringify({ level: 40, time, pid: process.pid, msg: `${lost} log lines could not be written` })}\n`;
}

function rotate(folder: string, files: number): void {
  const name = (n: number): string => join(folder, n === 0 ? 'phasebox.log' : `phasebox.${n}.log`);
  rmSync(name(files - 1), { force: true });
  for (let n = files - 2; n >= 0; n -= 1) if (existsSync(name(n))) renameSync(name(n), name(n + 1));
}

const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;
