import { join } from 'node:path';
import { expect } from 'chai';
import type { Chain } from './chain.ts';
import { waitFor } from './temp.ts';

/** Of a config: its training waits until `name` is released. */
export const held = (name = 'go') => ({ scene: { lora: { hold: name } } });

/** Waits for the training of a run. */
export const trains = (chain: Chain, run: string): Promise<unknown> =>
  waitFor(`the training of ${run}`, async () => (await chain.calls('lora')).some((call) => call.run === run));

export const folder = (chain: Chain, run: string): string =>
  join(chain.root, 'artifacts', run.replace(/-s\d.*$/, ''), run);

/** What `status --json` tells, and of one run. */
export async function status(chain: Chain) {
  const told = JSON.parse((await chain.phasebox('status', '--json')).out);
  return { ...told, of: (run: string) => told.runs.find((one: { run: string }) => one.run === run) };
}

/** The events in the journal of a run. */
export const events = async (chain: Chain, run: string): Promise<string[]> =>
  (await chain.journal(run)).map(({ event }) => event);

/** A command that ends well and complains of nothing; what it says. */
export async function fine(chain: Chain, ...args: readonly string[]): Promise<string> {
  const { code, out, err } = await chain.phasebox(...args);
  expect([code, err], args.join(' ')).to.eql([0, '']);
  return out;
}
