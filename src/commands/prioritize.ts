import { ask } from './parts/ask.ts';
import { type Register, workspaceOf } from './parts/register.ts';
import { documented } from './parts/usage.ts';

export const registerPrioritize: Register = (program, exit) => {
  documented(program.command('prioritize <run-or-phase>'), {
    does: 'Move runs to the front of the queue',
    notes: [
      'The latest call comes first. Runs of a phase keep their order. If one of them starts from another queued run, that run moves too. A started run is not interrupted.',
    ],
    examples: ['phasebox prioritize 43b'],
    exits: { 0: 'moved', 2: 'there is no such run or phase', 3: 'this folder is not a workspace' },
  }).action(async (target: string, _options: unknown, command) => {
    exit(await ask(await workspaceOf(command, 'read'), { kind: 'prioritize', target }));
  });
};
