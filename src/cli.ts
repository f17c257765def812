import { printError, printed } from './commands/parts/output.ts';
import { exitCodeOf, runCommand } from './commands/run-command.ts';
import { pythonEnv } from './core/mlx/python.ts';
import { hasCode } from './io/disk/files.ts';

/** True for the command that continues when its output has no reader. */
let continuesAlone = false;

// For every Python that this process starts, including those that only report facts. None of them writes to a terminal.
Object.assign(process.env, pythonEnv);
delete process.env.PYTHONIOENCODING;
// A closed pipe (`phasebox status | head`) ends the command and is not a failure. A full disk is one. A dead `tee` must
// not end `up`.
process.stdout.on('error', (error) => {
  if (continuesAlone) return;
  if (hasCode(error, 'EPIPE')) process.exit(0);
  printError(`The output of the command could not be written completely: ${error.message}\n`);
  process.exit(3);
});
// There is no reader left.
process.stderr.on('error', () => undefined);
// An error outside of everything that is awaited (in a timer of `up`) ends the command with the same message.
process.on('uncaughtException', (error) => void exitCodeOf(error).then((code) => process.exit(code)));
const exitCode = await runCommand(process.argv, (name) => {
  continuesAlone = name === 'up';
});
// Explicit exit: a tool that continues in the background must not keep this process alive.
const lost = await printed();
// An error of the output has its own exit code, see above.
if (lost === null || continuesAlone) process.exit(exitCode);
