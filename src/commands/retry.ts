import { didYouMean } from '../core/config/closest.ts';
import { CommandError } from '../core/errors.ts';
import { stageNames } from '../events/stages.ts';
import { ask } from './ask.ts';
import { example, type Register, workspaceOf } from './register.ts';

/** `phasebox retry RUN|PHASE [--stage STAGE]` */
export const registerRetry: Register = (program, exit) => {
  program
    .command('retry <run-or-phase>')
    .description('put runs that failed or were cancelled into the line again: they go on where they ended')
    .option('--stage <stage>', 'make this stage and all later ones anew, also of a run that is done')
    .addHelpText(
      'after',
      `
The row is taken out, the new one takes its place. Runs that ended only because this one did come back with it.
${example('phasebox retry 43a-s0', 'phasebox retry 43a-s0 --stage fuse   # the same adapter, fused again')}`,
    )
    .action(async (target: string, options: { stage?: string }, command) => {
      const workspace = await workspaceOf(command, false);
      const stage = stageNames.find((name) => name === options.stage) ?? null;
      if (options.stage !== undefined && stage === null) {
        const hint = didYouMean(options.stage, stageNames);
        throw new CommandError(2, `There is no stage ${options.stage}. ${hint}Stages: ${stageNames.join(', ')}.`);
      }
      exit(await ask(workspace, { kind: 'retry', target, stage }));
    });
};
