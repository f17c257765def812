import { CommanderError } from 'commander';
import { commands } from './commands/index.ts';
import { print, printError } from './commands/output.ts';
import { emptyProgram } from './commands/program.ts';
import type { Register } from './commands/register.ts';
import { CommandError } from './core/errors.ts';
import { pythonEnv } from './core/mlx/mlx-argv.ts';
import { diskErrorOf } from './io/disk/disk-errors.ts';
import { hasCode } from './io/disk/files.ts';
import { expandArgument } from './io/home.ts';

/** True for the command that goes on when nobody reads its output. */
let worksOn = false;
/** Of the command that runs. */
let workspace = '.';

/** argv in, exit code out. */
async function main(argv: readonly string[]): Promise<number> {
  if (process.platform === 'win32') {
    throw new CommandError(3, 'Windows is not supported. Use macOS or Linux.');
  }
  let exitCode = 0;
  const program = emptyProgram()
    .showHelpAfterError('(`phasebox --help` lists the commands)')
    .hook('preAction', (root, command) => {
      workspace = root.opts<{ workspace: string }>().workspace;
      worksOn = command.name() === 'up';
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

/** The commands that argv names, wherever: one of them is meant. None (`--help`, a typing error): all. */
function asked(argv: readonly string[]): readonly (() => Promise<Register>)[] {
  if (argv.includes('--version')) return [];
  const named = Object.entries(commands).flatMap(([name, load]) => (argv.includes(name) ? [load] : []));
  return named.length > 0 ? named : Object.values(commands);
}

/** Commander has printed its own message by then; help and version are no errors. */
async function exitCodeOf(error: unknown): Promise<number> {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  const isKnown = error instanceof CommandError;
  const refused = await diskErrorOf(isKnown ? error.cause : error, workspace);
  const what = isKnown ? error.message : (refused?.what ?? unexpected(error));
  printError(`${[what, ...(refused === null ? [] : [refused.todo])].join('\n')}\n`);
  return isKnown ? error.exitCode : 3;
}

const unexpected = (error: unknown): string =>
  `phasebox itself failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;

// For every Python that is started from here, also those that ask for facts only. None of them writes to a terminal.
Object.assign(process.env, pythonEnv);
delete process.env.PYTHONIOENCODING;
// A closed pipe (`phasebox status | head`) ends the command and is no failure; a full disk is one. A dead `tee` must not end `up`.
process.stdout.on('error', (error) => {
  if (worksOn) return;
  if (hasCode(error, 'EPIPE')) process.exit(0);
  printError(`The output of the command could not be written completely: ${error.message}\n`);
  process.exit(3);
});
// Nobody is left to tell it to.
process.stderr.on('error', () => undefined);
// What fails outside of everything that is waited for (a timer of `up`) ends the command with the same words.
process.on('uncaughtException', (error) => void exitCodeOf(error).then((code) => process.exit(code)));
const exitCode = await main(process.argv).catch(exitCodeOf);
// Not left to the event loop: a tool that goes on without us must not keep this process. The empty write waits for output.
process.stdout.write('', (error) => {
  // An error of the output has its own exit code, see above.
  if (!error || worksOn) process.exit(exitCode);
});
