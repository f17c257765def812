import { type StageName, stageNames } from '../events/stages.ts';
import { ask } from './parts/ask.ts';
import { documented, oneOf, type Register, runOrPhase, workspaceOf } from './parts/command.ts';

export const registerRetry: Register = (program, exit) => {
  documented(program.command('retry'), {
    does: 'Queue a failed or cancelled run again',
    notes: [
      'It resumes at the stage that failed, and its new result replaces the old one. Runs that failed only because they start from this run are also queued again.',
      'With --stage, that stage and all later ones are repeated, even if the run is done.',
    ],
    examples: ['phasebox retry 43a-s0', 'phasebox retry 43a-s0 --stage fuse   # the same adapter, fused again'],
    exits: {
      0: 'queued again',
      2: 'there is no such run or phase; the run is done and --stage is missing; the run has no such stage; an input of the stage was removed; or another run that has already started uses the files that this would replace',
      3: 'this folder is not a workspace',
    },
  })
    .argument('<run-or-phase>', runOrPhase)
    .option('--stage <stage>', 'repeat this stage and all later ones', oneOf(stageNames))
    .action(async (target: string, { stage }: { stage?: StageName }, command) => {
      exit(await ask(await workspaceOf(command, 'read'), { kind: 'retry', target, stage: stage ?? null }));
    });
};
