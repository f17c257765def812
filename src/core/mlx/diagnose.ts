import { type ErrorCode, StageError } from '../errors.ts';
import { forPython } from './for-python.ts';
import { isProgressBar, plainLines } from './mlx-log.ts';
import { symptoms } from './symptoms.ts';

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

/**
 * Why a tool failed. `code` is its exit code (not 0, and not from a signal of ours), `tail` has the last lines of its
 * log, and `python` is the one whose packages the advice is about.
 */
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
