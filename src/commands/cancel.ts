import { ask } from './ask.ts';
import { example, type Register, workspaceOf } from './register.ts';

/** `phasebox cancel RUN|PHASE` */
export const registerCancel: Register = (program, exit) => {
  program
    .command('cancel <run-or-phase>')
    .description('end a run, or all runs of a phase that are not over: its tool too; rows that are there stay')
    .addHelpText('after', example('phasebox cancel 43a-s0', 'phasebox cancel 43a   # its waiting and running runs'))
    .action(async (target: string, _options: unknown, command) => {
      exit(await ask(await workspaceOf(command, false), { kind: 'cancel', target }));
    });
};
