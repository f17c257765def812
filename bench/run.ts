/*
 * `npm run bench`: what phasebox itself costs a run; `npm run bench -- scale`: what thousands of runs cost;
 * `npm run bench -- training`: what the training driver, its states and a rehearsal cost.
 */
const benches = {
  scale: () => import('./scale.ts'),
  training: () => import('./training.ts'),
  chain: () => import('./chain.ts'),
};
const [, , name = 'chain'] = process.argv;
const chosen = Object.entries(benches).find(([one]) => one === name);
if (chosen === undefined) throw new Error(`there is no bench ${name}. Allowed: ${Object.keys(benches).join(', ')}`);
await chosen[1]();
if (name === 'chain') console.log('Driver of a training, its states, rehearsal:  npm run bench -- training');
