import { Command, InvalidArgumentError, Option } from 'commander';
import { didYouMean } from '../../core/closest.ts';
import { timeOfDay } from '../../events/workspace.ts';
import { packageRoot } from '../../io/host/package-root.ts';
import { logLevels } from '../../io/workspace/logger.ts';
import { openWorkspace, type Workspace } from '../../io/workspace/workspace.ts';
import { warnOfWorkspace } from './output.ts';

/** Adds one command to the program. `exit` receives its exit code. */
export type Register = (program: Command, exit: (code: number) => void) => void;

/** The options before the command. */
export const globals = (command: Command) => command.optsWithGlobals<{ workspace: string; logLevel: string }>();

/** The workspace of `--workspace`. Doubtful settings in its phasebox.yaml go to stderr. */
export async function workspaceOf(command: Command, access: 'read' | 'write'): Promise<Workspace> {
  const workspace = await openWorkspace(globals(command).workspace, access);
  warnOfWorkspace(workspace);
  return workspace;
}

/** The description of a command, from which its `--help` and docs/commands.md are made. */
export interface Usage {
  /** What it does, in a few words: its line in `phasebox --help`. */
  readonly does: string;
  readonly notes?: readonly string[];
  readonly examples: readonly string[];
  readonly exits: Readonly<Partial<Record<0 | 1 | 2 | 3, string>>>;
}

/** The argument of the commands that take either. */
export const runOrPhase = 'a run, such as 43a-s0, or a phase';

const usages = new WeakMap<Command, Usage>();
const width = 80;

/** Gives a command its help, and returns the command. */
export function documented(command: Command, usage: Usage): Command {
  usages.set(command, usage);
  return command
    .summary(usage.does)
    .description([`${usage.does}.`, ...(usage.notes ?? [])].join('\n\n'))
    .addHelpText('after', () => afterOptions(command, usage));
}

/** The description of a command. Throws for a command that was not `documented`. */
export function usageOf(command: Command): Usage {
  const usage = usages.get(command);
  if (usage === undefined) throw new Error(`the command ${command.name()} has no usage`);
  return usage;
}

/** The part of the help below the options: examples and exit codes. */
function afterOptions(command: Command, { examples, exits }: Usage): string {
  const help = command.createHelp();
  const codes = Object.entries(exits).map(([code, when]) =>
    help
      .boxWrap(when, width - 5)
      .replace(/^/gm, '     ')
      .replace(/^ {5}/, `  ${code}  `),
  );
  return ['', 'Examples:', ...examples.map((line) => `  $ ${line}`), '', 'Exit codes:', ...codes, ''].join('\n');
}

const readersOfWords = new WeakMap<object, readonly string[]>();

/** Reads an argument or option that is one of these words. */
export function oneOf<T extends string>(words: readonly T[]): (text: string) => T {
  const read = (text: string): T => {
    const found = words.find((word) => word === text);
    if (found !== undefined) return found;
    throw new InvalidArgumentError(`${didYouMean(text, words)}Allowed: ${words.join(', ')}.`);
  };
  readersOfWords.set(read, words);
  return read;
}

/** The words of a reader that `oneOf` made. */
export const wordsOf = (reader: object | undefined): readonly string[] | undefined =>
  reader === undefined ? undefined : readersOfWords.get(reader);

/** Reads an option that is a time of day. */
export function aTimeOfDay(text: string): string {
  if (timeOfDay.test(text)) return text;
  throw new InvalidArgumentError('Give a local time of day, such as 07:00.');
}

/** Reads an option that is a whole number. */
export const wholeNumber =
  (least: number, most = Number.MAX_SAFE_INTEGER) =>
  (text: string): number => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
    throw new InvalidArgumentError(`It must be a whole number ${range}.`);
  };

/** `phasebox` with its global options, without commands. */
export const emptyProgram = (): Command =>
  new Command('phasebox')
    .description('Run fine-tuning experiments overnight, and read in the morning which one is better.')
    .version(packageRoot().version)
    .option('--workspace <dir>', 'the folder with inbox, artifacts and phasebox.yaml', '.')
    .addOption(new Option('--log-level <level>', 'what goes to .phasebox/log/').choices(logLevels).default('info'));
