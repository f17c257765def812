import { ask } from './parts/ask.ts';
import { documented, type Register, runOrPhase, workspaceOf } from './parts/command.ts';

export const registerCancel: Register = (program, exit) => {
  documented(program.command('cancel'), {
    does: 'Cancel a run, or the rest of a phase',
    notes: [
      'Stops the affected runs and deletes their temporary files. Their results then have the status `cancelled`. Finished runs keep their results.',
    ],
    examples: ['phasebox cancel 43a-s0', 'phasebox cancel 43a   # its queued and active runs'],
    exits: {
      0: 'cancelled, or already finished',
      2: 'there is no such run or phase',
      3: 'this folder is not a workspace',
    },
  })
    .argument('<run-or-phase>', runOrPhase)
    .action(async (target: string, _options: unknown, command) => {
      exit(await ask(await workspaceOf(command, 'read'), { kind: 'cancel', target }));
    });
};
