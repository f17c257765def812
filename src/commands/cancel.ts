import { ask } from './parts/ask.ts';
import { type Register, workspaceOf } from './parts/register.ts';
import { documented } from './parts/usage.ts';

export const registerCancel: Register = (program, exit) => {
  documented(program.command('cancel <run-or-phase>'), {
    does: 'Cancel a run, or the rest of a phase',
    notes: [
      'Their tools are stopped and their temporary files are deleted. The row of a run then says `cancelled`. Finished runs keep their rows.',
    ],
    examples: ['phasebox cancel 43a-s0', 'phasebox cancel 43a   # its waiting and running runs'],
    exits: {
      0: 'cancelled, or already finished',
      2: 'there is no such run or phase',
      3: 'this folder is not a workspace',
    },
  }).action(async (target: string, _options: unknown, command) => {
    exit(await ask(await workspaceOf(command, 'read'), { kind: 'cancel', target }));
  });
};
