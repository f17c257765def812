import { type StageName, stageNames } from '../events/stages.ts';
import { ask } from './parts/ask.ts';
import { type Register, workspaceOf } from './parts/register.ts';
import { documented } from './parts/usage.ts';
import { oneOf } from './parts/values.ts';

export const registerRetry: Register = (program, exit) => {
  documented(program.command('retry <run-or-phase>'), {
    does: 'Queue a failed or cancelled run again',
    notes: [
      'It resumes at the stage that failed, and its new row replaces the old one. Runs that failed only because they start from this run are queued again too.',
      'With --stage, that stage and all later ones are repeated, also for a run that is done.',
    ],
    examples: ['phasebox retry 43a-s0', 'phasebox retry 43a-s0 --stage fuse   # the same adapter, fused again'],
    exits: {
      0: 'queued again',
      2: 'there is no such run or phase; the run is done and --stage is missing; the run has no such stage; what the stage reads was removed; or another started run reads what would be replaced',
      3: 'this folder is not a workspace',
    },
  })
    .option('--stage <stage>', 'repeat this stage and all later ones', oneOf(stageNames))
    .action(async (target: string, { stage }: { stage?: StageName }, command) => {
      exit(await ask(await workspaceOf(command, 'read'), { kind: 'retry', target, stage: stage ?? null }));
    });
};
