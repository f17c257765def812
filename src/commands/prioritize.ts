import { ask } from './ask.ts';
import { example, type Register, workspaceOf } from './register.ts';

/** `phasebox prioritize RUN|PHASE` */
export const registerPrioritize: Register = (program, exit) => {
  program
    .command('prioritize <run-or-phase>')
    .description('put waiting runs before all others that wait')
    .addHelpText(
      'after',
      `
Of several calls the latest goes first. Runs of a phase keep their order; a waiting run that one of them starts from goes
with it. What has started is not interrupted.
${example('phasebox prioritize 43b')}`,
    )
    .action(async (target: string, _options: unknown, command) => {
      exit(await ask(await workspaceOf(command, false), { kind: 'prioritize', target }));
    });
};
