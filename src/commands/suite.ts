import { basename, extname } from 'node:path';
import { CommandError } from '../core/errors.ts';
import { plural } from '../core/format.ts';
import { suiteFrom, suiteYaml } from '../core/score/suite-from.ts';
import { readText } from '../io/disk/files.ts';
import { documented, oneOf, type Register } from './parts/command.ts';
import { printError, printFile } from './parts/output.ts';
import { writeNew } from './parts/write-new.ts';

interface Flags {
  /** Path of the suite to write. If absent, it is printed. */
  readonly output?: string;
  readonly name?: string;
  readonly wrapper: string;
}

export interface SuiteOptions extends Flags {
  readonly print: (text: string) => void;
  /** Receives what a person should know: which examples are not in it. */
  readonly tell: (text: string) => void;
}

/** Throws CommandError 2 if there is no such file, no usable example, or if `output` exists. */
export async function suiteFromData(path: string, options: SuiteOptions): Promise<void> {
  const text = await readText(path);
  if (text === null) throw new CommandError(2, `${path} does not exist.`);
  const name = options.name ?? basename(path, extname(path));
  const made = suiteFrom(text, { name, wrapper: options.wrapper });
  const left = made.left.map(({ why, count }) => `  ${plural(count, 'example')}: ${why}`);
  if (made.suite.prompts.length === 0)
    throw new CommandError(2, [`No example of ${path} can be used as a prompt:`, ...left].join('\n'));
  const yaml = suiteYaml(made, path);
  if (options.output === undefined) options.print(yaml);
  else await writeNew(options.output, yaml);
  const place = options.output === undefined ? '' : `${options.output}: `;
  options.tell(
    `${place}${plural(made.suite.prompts.length, 'prompt')} out of ${plural(made.rows, 'example')} of ${path}`,
  );
  if (left.length > 0) options.tell(['skipped:', ...left].join('\n'));
}

export const registerSuite: Register = (program) => {
  documented(program.command('suite'), {
    does: 'Make a suite from chat data',
    notes: [
      'The last assistant turn of each example is the reference answer, and the functions called in it are the expected names. Examples that cannot be used are skipped. Their number and the reasons are printed to stderr.',
    ],
    examples: ['phasebox suite from data/phase33_merged/valid.jsonl -o suites/valid.yaml'],
    exits: {
      0: 'the suite is printed or written',
      2: 'there is no such file, it has no usable example, or the output file exists',
    },
  })
    .usage('from [options] <file>')
    .argument('<from>', 'always the word `from`', oneOf(['from']))
    .argument('<file>', 'chat data as JSON lines: {"messages": [...]}')
    .option('-o, --output <file>', 'write the suite to this file (default: print it)')
    .option('--name <name>', 'name of the suite (default: the name of the file)')
    .option('--wrapper <name>', 'the function that answers must call', 'execute_code')
    .action(async (_from: string, file: string, flags: Flags) => {
      await suiteFromData(file, { ...flags, print: printFile, tell: (text) => printError(`${text}\n`) });
    });
};
