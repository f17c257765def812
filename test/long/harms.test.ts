import { controlScores, playHarmedNight } from '../hands/harmed-night.ts';

/*
 * Nights that are harmed at random. PHASEBOX_SEED plays them again, PHASEBOX_MINUTES: how long (15), PHASEBOX_NIGHTS: how
 * many at most.
 */

const seed = Number(process.env.PHASEBOX_SEED ?? Date.now() % 1_000_000);
const minutes = Number(process.env.PHASEBOX_MINUTES ?? 15);
const most = Number(process.env.PHASEBOX_NIGHTS ?? Number.POSITIVE_INFINITY);

describe(`nights under random harm for ${minutes} min, seed ${seed}`, function () {
  this.timeout((minutes + 10) * 60_000);

  it('end with every run done or in a state that says why, and with the scores of a night without damage', async () => {
    const control = await controlScores();
    const counts = new Map<string, number>();
    const say = (line: string): void => {
      const [name = ''] = line.split(':');
      counts.set(name, (counts.get(name) ?? 0) + 1);
    };
    const end = performance.now() + minutes * 60_000;
    let nights = 0;
    const failed: string[] = [];
    for (; performance.now() < end && nights < most; nights++) {
      const one = seed + nights;
      await playHarmedNight({ seed: one, seconds: 25, phases: 6, control, say }).then(
        () => console.log(`      night ${nights + 1}, seed ${one}: as it must be`),
        (error: Error) => {
          console.log(`      night ${nights + 1}, seed ${one}: ${error.message}`);
          failed.push(`seed ${one}: ${error.message.split('\n', 1)}`);
        },
      );
    }
    const told = [...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, count]) => `${name} ${count}`);
    console.log(`      ${nights} nights, ${failed.length} of them wrong; ${told.join(', ')}`);
    if (failed.length > 0) throw new Error(failed.join('\n'));
  });
});
