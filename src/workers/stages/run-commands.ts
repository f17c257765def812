import { isProgressBar } from '../../core/mlx/mlx-log.ts';
import type { Command } from '../../events/stages/stage-row.ts';
import type { StageContext, Tool } from './stage.ts';

/** Does one step of a stage as its row describes it. `more` says how its tool is watched. */
export async function runCommand(
  command: Command,
  context: StageContext,
  more: Pick<Tool, 'onLine' | 'cwd' | 'fresh'> = {},
): Promise<void> {
  switch (command.does) {
    case 'run': {
      const { does: _does, ...tool } = command;
      return context.tool({ ...tool, ...more });
    }
    case 'link':
      return context.link(command.target, command.name);
    case 'remove':
      return context.remove(command.name);
    case 'write':
      return context.write(command.name, command.text);
    case 'serve':
      throw new Error('a server is asked while it runs: context.serve');
  }
}

/** All steps of a stage, one after the other. The output of its tools goes to the job's log. */
export async function runCommands(commands: readonly Command[], context: StageContext): Promise<void> {
  const onLine = (line: string): void => {
    if (!isProgressBar(line)) context.log(line);
  };
  for (const command of commands) await runCommand(command, context, { onLine });
}
