import { basename, join } from 'node:path';
import type { Command } from 'commander';
import { readRunId } from '../core/config/plan-runs.ts';
import { CommandError } from '../core/errors.ts';
import { phaseName } from '../events/phase.ts';
import { runFolders, subfolders } from '../io/artifacts/run-folder.ts';
import type { Workspace } from '../io/workspace/workspace.ts';
import { documented, oneOf, type Register, workspaceOf } from './parts/command.ts';
import { bashScript } from './parts/complete-bash.ts';
import { fishScript } from './parts/complete-fish.ts';
import { zshScript } from './parts/complete-zsh.ts';
import { completedProgram, type NamedThing, namedThings } from './parts/completion-spec.ts';
import { print, printLine } from './parts/output.ts';

const scripts = { bash: bashScript, zsh: zshScript, fish: fishScript };
type Shell = keyof typeof scripts;
const shells: readonly Shell[] = ['bash', 'zsh', 'fish'];

/** Names in a workspace, from the names of its folders: a shell waits for them, so no file is opened. */
export async function namesOf({ artifacts }: Pick<Workspace, 'artifacts'>, of: NamedThing): Promise<string[]> {
  const phases = (await subfolders(artifacts)).filter((name) => phaseName.safeParse(name).success);
  if (of === 'phases') return phases.sort();
  const runs = (await runFolders(artifacts)).flatMap((folder) => {
    const read = readRunId(basename(folder));
    return read !== null && join(artifacts, read.phase, basename(folder)) === folder
      ? [{ run: basename(folder), ...read }]
      : [];
  });
  const names = {
    runs: runs.map(({ run }) => run),
    'runs-and-phases': [...phases, ...runs.map(({ run }) => run)],
    'phases-and-variants': [
      ...phases,
      ...runs.flatMap(({ phase, variant }) => (variant === null ? [] : `${phase}-${variant}`)),
    ],
  }[of];
  return [...new Set(names)].sort();
}

/** `program` makes the program with every command, which is loaded only for a script. */
export const registerCompletion =
  (program: () => Promise<Command>): Register =>
  (own) => {
    documented(own.command('completion'), {
      does: 'Print a script with which a shell completes commands',
      notes: [
        'The shell then completes commands, options, their values, and the names of runs and phases in the workspace. Load the script in the file that your shell reads at its start.',
      ],
      examples: [
        'eval "$(phasebox completion bash)"   # in ~/.bashrc',
        'eval "$(phasebox completion zsh)"   # in ~/.zshrc, after compinit',
        'phasebox completion fish > ~/.config/fish/completions/phasebox.fish',
      ],
      exits: {
        0: 'the script is printed',
        2: 'there is no script for this shell',
        3: 'with --names: this folder is not a workspace',
      },
    })
      .argument('[shell]', `the shell: ${shells.join(', ')}`, oneOf(shells))
      .option(
        '--names <what>',
        `print names of the workspace, for the scripts: ${namedThings.join(', ')}`,
        oneOf(namedThings),
      )
      .action(async (shell: Shell | undefined, { names }: { names?: NamedThing }, command) => {
        if (names !== undefined)
          for (const name of await namesOf(await workspaceOf(command, 'read'), names)) printLine(name);
        else if (shell !== undefined) print(scripts[shell](completedProgram(await program())));
        else throw new CommandError(2, `Give a shell: ${shells.join(', ')}.`);
      });
  };
