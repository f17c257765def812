import { ask } from './parts/ask.ts';
import { documented, type Register, runOrPhase, workspaceOf } from './parts/command.ts';

export const registerPause: Register = (program, exit) => {
  documented(program.command('pause'), {
    does: 'Start no new stages',
    notes: [
      'Without an argument it pauses the whole workspace; with one, only that run or phase. A stage that is running finishes.',
      'A queued run that is paused is skipped. A run that has already started stops before its next stage. It keeps its place, so no other run starts until you resume or cancel it.',
      'A pause survives restarts. `phasebox resume` ends it.',
    ],
    examples: ['phasebox pause', 'phasebox pause 43b'],
    exits: { 0: 'paused', 2: 'there is no such run or phase', 3: 'this folder is not a workspace' },
  })
    .argument('[run-or-phase]', runOrPhase)
    .action(async (target: string | undefined, _options: unknown, command) => {
      exit(await ask(await workspaceOf(command, 'read'), { kind: 'pause', target: target ?? null }));
    });
};

export const registerResume: Register = (program, exit) => {
  documented(program.command('resume'), {
    does: 'End a pause',
    notes: [
      'Without an argument it ends only the pause of the workspace, and lists the runs and phases that are still paused. With a phase it also ends the pauses of its runs.',
    ],
    examples: ['phasebox resume', 'phasebox resume 43b'],
    exits: { 0: 'resumed', 2: 'there is no such run or phase', 3: 'this folder is not a workspace' },
  })
    .argument('[run-or-phase]', runOrPhase)
    .action(async (target: string | undefined, _options: unknown, command) => {
      exit(await ask(await workspaceOf(command, 'read'), { kind: 'resume', target: target ?? null }));
    });
};
