import { ask } from './parts/ask.ts';
import { type Register, workspaceOf } from './parts/register.ts';
import { documented } from './parts/usage.ts';

export const registerPause: Register = (program, exit) => {
  documented(program.command('pause [run-or-phase]'), {
    does: 'Start no new stages',
    notes: [
      'Without a name this holds for the whole workspace, else for one run or phase. A running tool finishes its stage. A queued run is skipped. A started run stops before its next stage, and no other run takes its place. A pause survives restarts; `phasebox resume` ends it.',
    ],
    examples: ['phasebox pause', 'phasebox pause 43b'],
    exits: { 0: 'paused', 2: 'there is no such run or phase', 3: 'this folder is not a workspace' },
  }).action(async (target: string | undefined, _options: unknown, command) => {
    exit(await ask(await workspaceOf(command, 'read'), { kind: 'pause', target: target ?? null }));
  });
};

export const registerResume: Register = (program, exit) => {
  documented(program.command('resume [run-or-phase]'), {
    does: 'End a pause',
    notes: [
      'Without a name it ends the pause of the workspace only, and lists the runs and phases that stay paused. With a phase it ends the pauses of its runs too.',
    ],
    examples: ['phasebox resume', 'phasebox resume 43b'],
    exits: { 0: 'resumed', 2: 'there is no such run or phase', 3: 'this folder is not a workspace' },
  }).action(async (target: string | undefined, _options: unknown, command) => {
    exit(await ask(await workspaceOf(command, 'read'), { kind: 'resume', target: target ?? null }));
  });
};
