import { execa } from 'execa';
import { printableLog } from '../../core/printable.ts';
import { expandWords } from '../host/home.ts';

/** How a scorer ended: its output, or why there is none. */
export type ScorerRun = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly why: string };

/** Runs a suite's scorer: answers on stdin, scores from stdout. No time limit: it may ask a model of its own. */
export async function runScorer(
  command: readonly string[],
  options: { readonly cwd: string; readonly input: string },
): Promise<ScorerRun> {
  const [program = '', ...rest] = expandWords(command);
  const { cwd, input } = options;
  const ended = await execa(program, rest, {
    ...{ cwd, input, reject: false, maxBuffer: 2 ** 30 },
    stderr: [shownLine, 'inherit'],
  });
  if (ended.exitCode === 0) return { ok: true, text: ended.stdout };
  return {
    ok: false,
    why: ended.exitCode === undefined ? (ended.shortMessage ?? 'it was not started') : `exit code ${ended.exitCode}`,
  };
}

function* shownLine(line: unknown): Generator<string> {
  yield printableLog(String(line));
}
