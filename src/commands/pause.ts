import { ask } from './ask.ts';
import { example, type Register, workspaceOf } from './register.ts';

/** `phasebox pause [RUN|PHASE]` */
export const registerPause: Register = (program, exit) => {
  program
    .command('pause [run-or-phase]')
    .description('start no new stage in the workspace, or of one run or phase; what runs finishes its stage')
    .addHelpText(
      'after',
      `
A run or phase that waits is passed over; one that has started stops before its next stage and keeps its slot. The pause
holds over restarts, until \`phasebox resume\`.
${example('phasebox pause', 'phasebox pause 43b')}`,
    )
    .action(async (target: string | undefined, _options: unknown, command) => {
      exit(await ask(await workspaceOf(command, false), { kind: 'pause', target: target ?? null }));
    });
};

/** `phasebox resume [RUN|PHASE]` */
export const registerResume: Register = (program, exit) => {
  program
    .command('resume [run-or-phase]')
    .description('lift the pause of the workspace, or that of one run or phase')
    .addHelpText(
      'after',
      `
Alone it lifts the pause of the whole workspace; runs and phases that were paused by name stay so, and are named. With a
phase it lifts the pauses of its runs too.
${example('phasebox resume', 'phasebox resume 43b')}`,
    )
    .action(async (target: string | undefined, _options: unknown, command) => {
      exit(await ask(await workspaceOf(command, false), { kind: 'resume', target: target ?? null }));
    });
};
