import { type Command, InvalidArgumentError } from 'commander';
import { CommandError } from '../core/errors.ts';
import type { RowAddress } from '../core/mlx/look-argv.ts';
import type { RowKeys } from '../core/mlx/mlx-argv.ts';
import { example } from './register.ts';

/** The options of `phasebox data` as commander gives them. */
export interface Flags {
  readonly model: string;
  readonly maskPrompt: boolean;
  readonly maxSeqLength: number;
  readonly rows?: number;
  readonly row?: readonly string[];
  readonly chatFeature?: string;
  readonly promptFeature?: string;
  readonly completionFeature?: string;
  readonly textFeature?: string;
  readonly split?: string;
  readonly html?: string;
  readonly json?: boolean;
}

const wholeNumber =
  (least: number) =>
  (text: string): number => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (Number.isSafeInteger(value) && value >= least) return value;
    throw new InvalidArgumentError(`It must be a whole number of at least ${least}.`);
  };

const collected = (value: string, earlier: readonly string[] = []): readonly string[] => [...earlier, value];

/** `phasebox data FILE|FOLDER --model M [--no-mask-prompt] [--max-seq-length N] ...` */
export function dataFlags(command: Command): Command {
  return command
    .argument('<data>', 'a .jsonl file, or a folder with train.jsonl')
    .description('what a training on this data would teach: counts, findings, and rows with the taught part marked')
    .requiredOption(
      '--model <model>',
      'the base model, whose tokenizer and template read the data: a folder or a hub id',
    )
    .option('--no-mask-prompt', 'as a training without mask_prompt reads it (default: with mask_prompt)')
    .option('--max-seq-length <tokens>', 'longer rows are cut', wholeNumber(1), 2048)
    .option('--rows <number>', 'how many rows are shown (default: 3, with --html 20)', wholeNumber(0))
    .option('--row <line>', 'show this row: a line, or FILE:LINE; may be repeated', collected)
    .option('--chat-feature <key>', 'the key of the rows that holds the messages, as in mlx_lm')
    .option('--prompt-feature <key>', 'the key of the prompt')
    .option('--completion-feature <key>', 'the key of the completion')
    .option('--text-feature <key>', 'the key of the text')
    .option('--split <dir>', 'write the data with one row per assistant turn into a new folder')
    .option('--html <file>', 'write the report as a page too')
    .option('--json', 'one JSON document')
    .addHelpText(
      'after',
      example(
        'phasebox data data/mine --model models/base',
        'phasebox data data/mine --model models/base --split data/mine-split',
        'phasebox data data/mine/train.jsonl --model models/base --row 17 --html data.html',
      ),
    );
}

/** The keys of the rows that were named. */
export const namedKeys = (flags: Flags): RowKeys => ({
  chat_feature: flags.chatFeature,
  prompt_feature: flags.promptFeature,
  completion_feature: flags.completionFeature,
  text_feature: flags.textFeature,
});

/** `7` or `valid.jsonl:7`; a line alone is one of `file`. Throws CommandError 2. */
export function rowAddress(text: string, file: string): RowAddress {
  const [, named = file, line = ''] = /^(?:(.+):)?([1-9]\d*)$/.exec(text) ?? [];
  if (line === '') throw new CommandError(2, `--row ${text}: give a line, such as 7 or valid.jsonl:7.`);
  return { file: named, line: Number(line) };
}
