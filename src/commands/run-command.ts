import { CommanderError } from 'commander';
import { CommandError } from '../core/errors.ts';
import { expandArgument } from '../io/host/home.ts';
import { commands } from './index.ts';
import { emptyProgram, type Register } from './parts/command.ts';
import { errorText } from './parts/error-text.ts';
import { print, printError } from './parts/output.ts';

/** That of the running command. */
let workspace = '.';

/** Runs the command of argv, prints its errors and returns its exit code. `begins` gets its name before it works. */
export function runCommand(argv: readonly string[], begins: (name: string) => void = () => undefined): Promise<number> {
  return main(argv, begins).catch(exitCodeOf);
}

async function main(argv: readonly string[], begins: (name: string) => void): Promise<number> {
  if (process.platform === 'win32') {
    throw new CommandError(3, 'Windows is not supported. Use macOS or Linux.');
  }
  let exitCode = 0;
  const program = emptyProgram()
    .showHelpAfterError('(`phasebox --help` lists the commands)')
    .hook('preAction', (root, command) => {
      workspace = root.opts<{ workspace: string }>().workspace;
      begins(command.name());
    })
    .configureOutput({ writeOut: print, writeErr: printError })
    .exitOverride();
  for (const load of asked(argv)) {
    (await load())(program, (code) => {
      exitCode = code;
    });
  }
  await program.parseAsync(argv.map(expandArgument));
  return exitCode;
}

/** The commands that argv names anywhere. If there are none (`--help`, a typing error), all. */
function asked(argv: readonly string[]): readonly (() => Promise<Register>)[] {
  if (argv.includes('--version')) return [];
  const named = Object.entries(commands).flatMap(([name, load]) => (argv.includes(name) ? [load] : []));
  return named.length > 0 ? named : Object.values(commands);
}

/** Prints an error and returns its exit code. Commander has printed its own. Help and version are no errors. */
export async function exitCodeOf(error: unknown): Promise<number> {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  printError(`${await errorText(error, workspace)}\n`);
  return error instanceof CommandError ? error.exitCode : 3;
}
