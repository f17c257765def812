import { controlScores, playHarmedNight } from './harmed-night.ts';

/* More, at random: `npm run test:long harms`. */

describe('a night that is harmed for some seconds', () => {
  it('ends with every run done or in a state that says why, and with the scores of a night without damage', async () => {
    const control = await controlScores();
    await playHarmedNight({ seed: 7, seconds: 6, phases: 3, control, say: () => undefined });
  });
});
