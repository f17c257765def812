import { type Chain, config } from './chain.ts';
import { crashChain, expectNothingLost } from './crash.ts';
import { waitFor } from './temp.ts';

/** How often a tool was started for a run. */
export const startsOf = async (chain: Chain, run: string, tool: string): Promise<number> =>
  (await chain.calls(tool)).filter((call) => call.run === run).length;

/** One night of several phases: `up` is killed in each training, once. Returns the number of trainings. */
export async function killInEachTraining(phases: readonly string[]): Promise<number> {
  const chain = await crashChain();
  try {
    for (const phase of phases)
      await chain.write(`inbox/${phase}.yaml`, config(phase, { scene: { lora: { hold: `go.${phase}` } } }));
    let up = await chain.up();
    for (const phase of phases) {
      await waitFor(`the training of ${phase}`, async () => (await startsOf(chain, `${phase}-s0`, 'lora')) === 1);
      await up.stop('SIGKILL');
      up = await chain.up();
      await chain.release(`go.${phase}`);
      await chain.row(`${phase}-s0`);
    }
    await up.stop();
    const runs = phases.map((phase) => `${phase}-s0`);
    await expectNothingLost(chain, runs, ['check_data', 'lora', 'fuse_direct']);
    return runs.length;
  } finally {
    await chain.remove();
  }
}
