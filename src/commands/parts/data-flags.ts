import type { Command } from 'commander';
import { CommandError } from '../../core/errors.ts';
import type { RowAddress } from '../../core/mlx/look-argv.ts';
import type { RowKeys } from '../../events/stages/mlx.ts';
import { documented, wholeNumber } from './command.ts';

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

const collected = (value: string, earlier: readonly string[] = []): readonly string[] => [...earlier, value];

/** `phasebox data FILE|FOLDER --model M [--no-mask-prompt] [--max-seq-length N] ...` */
export function dataFlags(command: Command): Command {
  return documented(command, {
    does: 'Show which tokens of your data a model would be trained on',
    notes: ['It prints counts, findings, and examples in which the trained part is marked. It needs no workspace.'],
    examples: [
      'phasebox data data/mine --model models/base',
      'phasebox data data/mine --model models/base --split data/mine-split',
      'phasebox data data/mine/train.jsonl --model models/base --row 17 --html data.html',
    ],
    exits: {
      0: 'training on the data would start, perhaps with warnings',
      1: 'interrupted by Ctrl-C',
      2: 'a run would be stopped before training on this data, or an option is wrong',
      3: 'there is no Python with mlx_lm',
    },
  })
    .argument('<data>', 'a .jsonl file, or a folder with train.jsonl and valid.jsonl')
    .requiredOption(
      '--model <model>',
      'the base model whose tokenizer reads the data: a folder or the ID of a cached Hugging Face model',
    )
    .option('--no-mask-prompt', 'analyze the data without `mask_prompt` (by default it is analyzed with `mask_prompt`)')
    .option('--max-seq-length <tokens>', 'cut off longer examples', wholeNumber(1), 2048)
    .option('--rows <number>', 'number of examples to show (default: 3, with --html 20)', wholeNumber(0))
    .option('--row <line>', 'show this example: LINE or FILE:LINE; can be repeated', collected)
    .option('--chat-feature <key>', 'the key of the messages in an example, as in mlx_lm')
    .option('--prompt-feature <key>', 'the key of the prompt in an example')
    .option('--completion-feature <key>', 'the key of the completion in an example')
    .option('--text-feature <key>', 'the key of the text in an example')
    .option('--split <dir>', 'write the data to a new folder, with one example per assistant turn')
    .option('--html <file>', 'also write the report as an HTML page')
    .option('--json', 'print one JSON document');
}

export const namedKeys = (flags: Flags): RowKeys => ({
  chat_feature: flags.chatFeature,
  prompt_feature: flags.promptFeature,
  completion_feature: flags.completionFeature,
  text_feature: flags.textFeature,
});

/** `7` or `valid.jsonl:7`. A line alone belongs to `file`. Throws CommandError 2. */
export function rowAddress(text: string, file: string): RowAddress {
  const [, named = file, line = ''] = /^(?:(.+):)?([1-9]\d*)$/.exec(text) ?? [];
  if (line === '') throw new CommandError(2, `--row ${text}: give a line, such as 7 or valid.jsonl:7.`);
  return { file: named, line: Number(line) };
}
