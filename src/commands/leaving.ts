import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { toolThatContinues } from '../io/tool/machine-slot.ts';
import type { Leaving, Runtime } from '../workers/runtime.ts';
import type { Screen } from './screen.ts';

const secondThought_ms = 5000;

/**
 * Waits until `up` is asked to go down, and tells how: a signal leaves running tools alone, so that the next `up` takes
 * them up again; a second Ctrl-C within 5 s ends them as well.
 */
export async function leaving(
  { inHand, workspace }: Pick<Runtime, 'inHand' | 'workspace'>,
  screen: Screen,
): Promise<Leaving> {
  // Without a listener of its own a Ctrl-C that comes between two waits would end this process on the spot.
  process.on('SIGINT', () => undefined);
  const signal = (name: NodeJS.Signals): Promise<NodeJS.Signals> => once(process, name).then(() => name);
  const first = await Promise.race([signal('SIGINT'), signal('SIGTERM'), signal('SIGHUP')]);
  if (inHand.size === 0) return 'detach';
  const continues = await toolThatContinues(workspace);
  const stops = [...inHand].map(([run, { stage }]) => `${stage} of ${run}`).filter((name) => name !== continues);
  if (continues !== null)
    screen.line(`${continues} continues in the background; the next \`phasebox up\` takes it over.`);
  if (stops.length > 0) screen.line(`${stops.join(', ')} stops here; the next \`phasebox up\` resumes it.`);
  if (first !== 'SIGINT' || continues === null) return 'detach';
  screen.line(`Press Ctrl-C again within 5 s to stop ${continues} as well.`);
  const again = signal('SIGINT').then((): Leaving => 'stop');
  return Promise.race([again, delay<Leaving>(secondThought_ms, 'detach', { ref: false })]);
}
