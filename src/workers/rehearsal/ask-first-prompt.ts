import { mkdir } from 'node:fs/promises';
import { basename } from 'node:path';
import type { RunDraft } from '../../core/config/lookups.ts';
import { asStageError, catalogue, StageError } from '../../core/errors.ts';
import { toolEnv } from '../../core/mlx/python.ts';
import { type EvalFindings, isLasting, type TimedAnswer, tokensPerSecond } from '../../core/run/rehearsal-report.ts';
import { answerFault } from '../../core/score/answers.ts';
import { type ChatReply, type ChatRequest, chatRequest } from '../../core/score/chat.ts';
import { promptDateVariable } from '../../core/score/rendering.ts';
import { asObject } from '../../core/score/tolerant-json.ts';
import type { FoundCause } from '../../events/rehearsal.ts';
import type { Suite } from '../../events/suite.ts';
import { readText } from '../../io/disk/files.ts';
import { driverPath } from '../../io/host/package-root.ts';
import { type RunningServer, startModelServer } from '../../io/server/model-server.ts';
import { suiteOf } from '../../io/thread/off-thread.ts';

interface Asking {
  readonly run: RunDraft;
  readonly baseModel: string;
  readonly python: string;
  /** Folder of the server. */
  readonly dir: string;
  readonly date: string;
  readonly signal: AbortSignal;
}

/** Tokens of the longer answer. */
const fewTokens = 32;

const nothing: EvalFindings = { tokens_per_s: null, error: null, warnings: [] };

/**
 * Sends the suite's first prompt to the base model, through the server that eval uses. If it is refused, the others are
 * sent too: an eval fails if the server refuses all of them. Throws STOPPED.
 */
export async function askFirstPrompt(asking: Asking): Promise<EvalFindings> {
  try {
    const suite = await readSuite(asking.run.settings.eval.suite);
    const server = await serve(asking);
    try {
      return await askAll(server, suite, asking);
    } finally {
      await server.close();
    }
  } catch (error) {
    if (asking.signal.aborted) throw new StageError('STOPPED', 'rehearsal', { cause: error });
    const { code, message, detail } = asStageError(error);
    // Any other status than 400, with which a server answers what its chat template refuses.
    if (code === 'TOOL_FAILED') return { ...nothing, error: refusal(code, detail) };
    if (isLasting(code) && code !== 'INTERNAL') return { ...nothing, error: found('eval', code, message) };
    return { ...nothing, warnings: [`the rehearsal of the eval itself failed: ${message}`] };
  }
}

const found = (cause: string, code: keyof typeof catalogue, message: string): FoundCause => ({
  ...{ cause, code, message, remedy: catalogue[code].next },
});

const refusal = (code: keyof typeof catalogue, message: string): FoundCause => ({
  ...{ cause: 'suite_refused', code, message, remedy: 'Correct the suite, or the settings of `eval`.' },
});

async function readSuite(path: string): Promise<Suite> {
  const text = await readText(path);
  if (text === null) throw new StageError('MISSING_INPUT', `suite ${path}`);
  const read = await suiteOf(Buffer.from(text), basename(path));
  if ('suite' in read) return read.suite;
  throw new StageError('BAD_SETTINGS', `suite ${path} is not valid`);
}

async function serve({ run, baseModel, python, dir, date, signal }: Asking): Promise<RunningServer> {
  await mkdir(dir, { recursive: true });
  const env = { ...toolEnv(run.env), [promptDateVariable]: date };
  return startModelServer({ python, driver: driverPath('serve'), model: baseModel, dir, env, signal });
}

async function askAll(server: RunningServer, suite: Suite, { run }: Asking): Promise<EvalFindings> {
  const settings = run.settings.eval;
  const request = (prompt: Suite['prompts'][number], max_tokens: number): ChatRequest => {
    const whole = chatRequest({ prompt, seed: null }, suite, settings);
    return { ...whole, body: { ...whole.body, max_tokens } };
  };
  let complaint = '';
  for (const prompt of suite.prompts) {
    const first = await server.ask(request(prompt, 1));
    if (first.error !== null && answerFault(first.error).kind === 'refused') {
      complaint ||= first.error;
      continue;
    }
    const second = await server.ask(request(prompt, fewTokens));
    await server.check();
    const warnings = complaint === '' ? [] : [`the model server refuses a prompt of the suite: ${complaint}`];
    return { ...nothing, tokens_per_s: speedOf(first, second), warnings };
  }
  // As in eval: a single prompt may be refused for its own sake, and an engine may send others.
  if (suite.prompts.length < 2 || settings.engine !== undefined)
    return { ...nothing, warnings: [`the model server refuses the prompt: ${complaint}`] };
  return { ...nothing, error: refusal('BAD_SETTINGS', `the model server refuses every prompt: ${complaint}`) };
}

function speedOf(first: ChatReply, second: ChatReply): number | null {
  const [before, after] = [timed(first), timed(second)];
  return before === null || after === null ? null : tokensPerSecond(before, after);
}

function timed({ response, error, seconds }: ChatReply): TimedAnswer | null {
  const tokens = asObject(asObject(response)?.usage)?.completion_tokens;
  return error !== null || typeof tokens !== 'number' ? null : { tokens, seconds };
}
