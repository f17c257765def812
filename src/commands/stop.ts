import { setTimeout as delay } from 'node:timers/promises';
import { CommandError } from '../core/errors.ts';
import { outcomeText } from '../core/run/control.ts';
import { toolThatContinues } from '../io/claim/machine-slot.ts';
import { ownerOf } from '../io/claim/ownership.ts';
import { hasCode } from '../io/disk/files.ts';
import type { Workspace } from '../io/workspace/workspace.ts';
import { outcomesOf } from './parts/ask.ts';
import { documented, type Register, workspaceOf } from './parts/command.ts';
import { print } from './parts/output.ts';

const poll_ms = 200;

/** Stops the `up` of a workspace and waits for its end. `tools` also stops what it started. */
export async function stop(workspace: Workspace, { tools }: { readonly tools: boolean }): Promise<void> {
  const owner = await ownerOf(workspace.state);
  if (owner !== null) {
    if (tools) await outcomesOf(workspace, { kind: 'stop' });
    else terminate(owner);
    while ((await ownerOf(workspace.state)) === owner) await delay(poll_ms);
    const continues = await toolThatContinues(workspace);
    const left = continues === null ? '' : `; ${continues} continues in the background`;
    print(`phasebox (pid ${owner}) is down${tools ? ', its tools too' : left}\n`);
  }
  // Also after the end of an `up`, which may have died before it had stopped them.
  const left = tools && (await ownerOf(workspace.state)) === null ? await outcomesOf(workspace, { kind: 'stop' }) : [];
  for (const outcome of left) print(`${outcomeText(outcome)}\n`);
  if (owner === null && left.length === 0)
    print(`phasebox is not up here${tools ? ', and no tool runs' : ''}: nothing to stop\n`);
}

/** Its socket answered a moment ago, so the pid is its own. */
function terminate(pid: number): void {
  try {
    process.kill(pid, 'SIGTERM');
  } catch (error) {
    // It has ended on its own meanwhile, which is the goal.
    if (hasCode(error, 'ESRCH')) return;
    if (!hasCode(error, 'EPERM')) throw error;
    throw new CommandError(3, `phasebox (pid ${pid}) runs as another user. Stop it as that user: sudo kill ${pid}`);
  }
}

export const registerStop: Register = (program) => {
  documented(program.command('stop'), {
    does: 'Stop `phasebox up`',
    notes: ['A running tool continues in the background, and the next `phasebox up` takes it over.'],
    examples: ['phasebox stop', 'phasebox stop --tools'],
    exits: {
      0: 'stopped, or there was nothing to stop',
      3: 'this folder is not a workspace, or `up` belongs to another user',
    },
  })
    .option(
      '--tools',
      'also stop the tools that are running, and the tools and the broker that a killed `up` left behind',
      false,
    )
    .action(async (options: { tools: boolean }, command) => {
      await stop(await workspaceOf(command, 'read'), options);
    });
};
