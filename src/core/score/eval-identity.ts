import type { Settings } from '../../events/stages.ts';
import type { Suite } from '../../events/suite.ts';
import { canonicalJson } from '../json.ts';
import { systemPrompt } from './chat.ts';
import { scorerVersion } from './score.ts';

/** The facts of an eval: everything that can change a score, apart from the model. */
export interface EvalFacts {
  readonly suite: Suite;
  readonly settings: Settings<'eval'>;
  readonly versions: Readonly<Record<string, string>>;
  /** sha256 of the files that the commands of `scorer` and `eval.engine` name, by the word that names them. */
  readonly files?: Readonly<Record<string, string>>;
}

/**
 * The text whose sha256 is the eval identity: canonical JSON without score_by and base (which change no answer and no
 * point), the suite's name, its system prompt if the settings have another, and what a suite or a phase does not use.
 */
export function evalIdentity({ suite, settings, versions, files = {} }: EvalFacts): string {
  const { temperature, max_tokens, stop, chat_template_args, repeats, retries, timeout_s, concurrency } = settings;
  return canonicalJson({
    suite: { wrapper: suite.wrapper, tools: suite.tools, prompts: suite.prompts },
    system: systemPrompt(suite, settings),
    settings: { temperature, max_tokens, stop, chat_template_args, repeats, retries, timeout_s, concurrency },
    scorer: scorerVersion,
    command: suite.scorer?.command,
    engine: settings.engine,
    files: Object.keys(files).length > 0 ? files : undefined,
    versions: {
      mlx: versions.mlx ?? null,
      mlx_lm: versions.mlx_lm ?? null,
      // It fills in the chat template and splits the text into tokens.
      transformers: versions.transformers ?? null,
    },
  });
}

/** Words of a command that may name a file: each word, and what follows a `=` in it (`--config=a.yaml`). */
export function wordsOfCommand(command: readonly string[]): readonly string[] {
  const behind = command.flatMap((word) => (word.includes('=') ? [word.slice(word.indexOf('=') + 1)] : []));
  return [...new Set([...command, ...behind])].filter((word) => word !== '');
}
