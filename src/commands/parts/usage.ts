import type { Command } from 'commander';

/** The description of a command, from which its `--help` and docs/commands.md are made. */
export interface Usage {
  /** What it does, in a few words: its line in `phasebox --help`. */
  readonly does: string;
  /** More details, one paragraph each. */
  readonly notes?: readonly string[];
  readonly examples: readonly string[];
  /** The meaning of each exit code. */
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
