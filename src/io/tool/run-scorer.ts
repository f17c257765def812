import { execa } from 'execa';
import { expandWords } from '../home.ts';

/** How a scorer ended: what it wrote, or why that cannot be had. */
export type ScorerRun = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly why: string };

/**
 * Runs a suite's scorer here and now: answers in at stdin, scores out at stdout, what it says at stderr on ours. No
 * limit of time: it may ask a model of its own.
 */
export async function runScorer(
  command: readonly string[],
  options: { readonly cwd: string; readonly input: string },
): Promise<ScorerRun> {
  const [program = '', ...rest] = expandWords(command);
  const { cwd, input } = options;
  const ended = await execa(program, rest, { cwd, input, reject: false, stderr: 'inherit', maxBuffer: 2 ** 30 });
  if (ended.exitCode === 0) return { ok: true, text: ended.stdout };
  return {
    ok: false,
    why: ended.exitCode === undefined ? (ended.shortMessage ?? 'it was not started') : `exit code ${ended.exitCode}`,
  };
}
