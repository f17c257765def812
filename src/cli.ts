import { printError, printed } from './commands/parts/output.ts';
import { exitCodeOf, runCommand } from './commands/run-command.ts';
import { pythonEnv } from './core/mlx/tool-env.ts';
import { hasCode } from './io/disk/files.ts';

/** True for the command that goes on when nobody reads its output. */
let worksOn = false;

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
const exitCode = await runCommand(process.argv, (name) => {
  worksOn = name === 'up';
});
// Not left to the event loop: a tool that goes on without us must not keep this process.
const lost = await printed();
// An error of the output has its own exit code, see above.
if (lost === null || worksOn) process.exit(exitCode);
