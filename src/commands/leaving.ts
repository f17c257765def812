import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { Leaving, Runtime } from '../workers/runtime.ts';
import type { Screen } from './screen.ts';

const secondThought_ms = 5000;

/**
 * Waits until `up` is asked to go down, and tells how: a signal leaves running tools alone, so that the next `up` takes
 * them up again; a second Ctrl-C within 5 s ends them as well.
 */
export async function leaving({ inHand }: Pick<Runtime, 'inHand'>, screen: Screen): Promise<Leaving> {
  // Without a listener of its own a Ctrl-C that comes between two waits would end this process on the spot.
  process.on('SIGINT', () => undefined);
  const signal = (name: NodeJS.Signals): Promise<NodeJS.Signals> => once(process, name).then(() => name);
  const first = await Promise.race([signal('SIGINT'), signal('SIGTERM'), signal('SIGHUP')]);
  if (inHand.size === 0) return 'detach';
  const names = [...inHand].map(([run, { stage }]) => `${stage} of ${run}`).join(', ');
  screen.line(`${names} goes on in the background; \`phasebox up\` takes it up again.`);
  if (first !== 'SIGINT') return 'detach';
  screen.line('Ctrl-C again within 5 s ends it too.');
  const again = signal('SIGINT').then((): Leaving => 'stop');
  return Promise.race([again, delay<Leaving>(secondThought_ms, 'detach', { ref: false })]);
}
