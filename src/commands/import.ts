import { basename, dirname, extname, resolve } from 'node:path';
import { isLoraConfig, phaseOfLora } from '../core/config/lora-config.ts';
import { formatProblems } from '../core/config/problem.ts';
import { readYaml } from '../core/config/read-yaml.ts';
import { CommandError } from '../core/errors.ts';
import { readSmallFile } from '../io/workspace/lookups.ts';
import { documented, type Register } from './parts/command.ts';
import { printError, printFile } from './parts/output.ts';
import { writeNew } from './parts/write-new.ts';

export interface ImportOptions {
  /** Path of the phase file to write. If it is `-`, the text is printed. */
  readonly output?: string;
  readonly print: (text: string) => void;
  readonly tell: (text: string) => void;
}

/** Writes the phase file with the settings of a config of mlx_lm. Throws CommandError 2 if the file is none. */
export async function importConfig(path: string, { output, print, tell }: ImportOptions): Promise<void> {
  const file = await readSmallFile(resolve(path));
  if (!file.ok) throw new CommandError(2, file.message);
  const yaml = readYaml(file.bytes, basename(path));
  if (!yaml.ok) throw new CommandError(2, formatProblems(path, yaml.problems).trimEnd());
  const { value } = yaml.source;
  if (!isLoraConfig(value)) {
    const message = `${path} is not a config of mlx_lm lora, and not an adapter_config.json: it has none of their settings, or it is already a phase.`;
    throw new CommandError(2, message);
  }
  const name = nameOf(path);
  const text = phaseOfLora(value, { name, from: basename(path) });
  if (output === '-') return print(text);
  const target = output ?? `${name}.phase.yaml`;
  await writeNew(target, text);
  tell(`${target} is written. Check it with \`phasebox plan ${target}\`.`);
}

/** The name of a file without its ending. For adapter_config.json, that of its folder. */
function nameOf(path: string): string {
  const file = basename(path);
  return file === 'adapter_config.json' ? basename(dirname(resolve(path))) : basename(file, extname(file));
}

export const registerImport: Register = (program) => {
  documented(program.command('import'), {
    does: 'Make a phasebox config from an mlx_lm config',
    notes: [
      'It reads the YAML file of `mlx_lm lora -c`, or an adapter_config.json, and writes a config with the same model, data, seed and training settings. The suite is a placeholder.',
    ],
    examples: ['phasebox import lora_config.yaml', 'phasebox import adapters/adapter_config.json -o 43a.yaml'],
    exits: {
      0: 'the config is printed or written',
      2: 'the file is not a config of mlx_lm, or the output file exists',
    },
  })
    .argument('<file>', 'a config of `mlx_lm lora`, or an adapter_config.json')
    .option('-o, --output <file>', 'write the config to this file, or print it with `-` (default: NAME.phase.yaml)')
    .action(async (file: string, flags: Pick<ImportOptions, 'output'>) => {
      await importConfig(file, { ...flags, print: printFile, tell: (text) => printError(`${text}\n`) });
    });
};
