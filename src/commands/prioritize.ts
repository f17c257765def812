import { ask } from './parts/ask.ts';
import { documented, type Register, runOrPhase, workspaceOf } from './parts/command.ts';

export const registerPrioritize: Register = (program, exit) => {
  documented(program.command('prioritize'), {
    does: 'Move runs to the front of the queue',
    notes: [
      'If you use `prioritize` several times, the runs of the latest command come first. Runs of a phase keep their order. If a run starts from another queued run, that run moves too. Runs that have already started are not interrupted.',
    ],
    examples: ['phasebox prioritize 43b'],
    exits: { 0: 'moved', 2: 'there is no such run or phase', 3: 'this folder is not a workspace' },
  })
    .argument('<run-or-phase>', runOrPhase)
    .action(async (target: string, _options: unknown, command) => {
      exit(await ask(await workspaceOf(command, 'read'), { kind: 'prioritize', target }));
    });
};
