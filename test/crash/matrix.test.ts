import { access } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Chain, config, type Ended } from '../helpers/chain.ts';
import { fine, folder, status } from '../helpers/control.ts';
import { crashChain, expectNothingLost, hitOf, hooked, inPool, type Plan, withoutPages } from '../helpers/crash.ts';
import { productCommand } from '../helpers/product.ts';
import { waitFor } from '../helpers/temp.ts';

/* Actors x boundaries, SIGKILL before and after. The boundaries are the lines of the two journals and what lies between. */

type Actor = 'up' | 'broker' | 'wrapper' | 'tool' | 'server';
type When = Plan['when'];

/** In the order in which a run of p.yaml comes by. `at`: as test/fixtures/crash/preload.mjs tells the place. */
const boundaries = {
  seen: { at: 'append \\S+/\\.phasebox/journal\\.jsonl .*"event":"seen".*p\\.yaml' },
  claimed: { at: 'rename \\S+/inbox/p\\.yaml ' },
  'claim noted': { at: 'append \\S+/\\.phasebox/journal\\.jsonl .*"event":"claimed".*p\\.yaml' },
  accepted: { at: 'rename \\S+/\\.p-s0\\.new ' },
  recorded: { at: 'rename \\S+ \\S+/p/phase\\.json$' },
  filed: { at: 'rename \\S+ \\S+/inbox/accepted/p\\.yaml$' },
  'accepted noted': { at: 'append \\S+/\\.phasebox/journal\\.jsonl .*"event":"accepted".*p\\.yaml' },
  admission: { at: 'add runs admission-1' },
  started: { at: 'append \\S+/p-s0/\\S+ .*"event":"started"' },
  'event added': { at: 'add train p-s0-train-a1' },
  reserved: { at: 'append \\S+/p-s0/\\S+ .*"event":"reserved"' },
  'command written': { at: 'write \\S+/\\.1-train\\.a1/command\\.json$' },
  spawned: { at: 'spawn sh \\S+/wrap\\.sh \\S+ \\S+/\\.1-train\\.a1 ' },
  'tool started': { at: 'append \\S+/p-s0/\\S+ .*"event":"tool_started".*train\\.py"' },
  // Only where the training was killed after its state: the next attempt takes the states, and resumes.
  'state carried over': { at: 'rename \\S+/\\.1-train\\.a1/states \\S+/\\.1-train\\.a2/states$' },
  resumed: { at: 'append \\S+/p-s0/\\S+ .*"event":"training_resumed"' },
  // Only where `pause --now` is sent while the training runs.
  'pause noted': { at: 'rename \\S+ \\S+/\\.phasebox/control\\.json$' },
  'pause asked': { at: 'write \\S+/\\.1-train\\.a1/pause$' },
  'paused noted': { at: 'append \\S+/p-s0/\\S+ .*"event":"failed".*"code":"PAUSED"' },
  'tool ended': { at: 'append \\S+/p-s0/\\S+ .*"event":"tool_ended"', nth: 2 },
  verified: { at: 'append \\S+/p-s0/\\S+ .*"event":"verified"' },
  manifest: { at: 'write \\S+/p-s0/\\.1-train\\.a1/manifest\\.json\\.tmp$' },
  'manifest named': { at: 'rename \\S+ \\S+/p-s0/\\.1-train\\.a1/manifest\\.json$' },
  renamed: { at: 'rename \\S+/\\.1-train\\.a1 ' },
  'commit noted': { at: 'append \\S+/p-s0/\\S+ .*"event":"committed"' },
  'next event': { at: 'add fuse p-s0-fuse-a1' },
  answer: { at: 'append \\S+/answers\\.jsonl ' },
  'last answer': { at: 'append \\S+/answers\\.jsonl ', nth: 4 },
  'results event': { at: 'add results p-s0-results-a1' },
  row: { at: 'rename \\S+ \\S+/results\\.jsonl$' },
  'row noted': { at: 'append \\S+/p-s0/\\S+ .*"event":"row"' },
} satisfies Record<string, Pick<Plan, 'at' | 'nth'>>;
type Boundary = keyof typeof boundaries;
const all = Object.keys(boundaries) as Boundary[];
/** Places that are reached only after the training was killed. */
const afterKill: readonly Boundary[] = ['state carried over', 'resumed'];
/** Places that are reached only if a person pauses the training. */
const ofPause: readonly Boundary[] = ['pause noted', 'pause asked', 'paused noted'];

/** The boundaries that an actor does not live at, each with the reason. */
function never(lives: (name: Boundary) => boolean, why: string, more: Partial<Record<Boundary, string>> = {}) {
  const rest = all.filter((name) => !lives(name) && more[name] === undefined).map((name) => [name, why] as const);
  return { ...Object.fromEntries(rest), ...more } as Partial<Record<Boundary, string>>;
}

const unqueued = 'the request is handled without the queue';
const gone = {
  'tool ended': 'its end is what is journaled: it is gone',
  resumed: 'it runs to its end meanwhile',
  'pause noted': 'it has not received the request, and dies as at `tool started`',
  'pause asked': 'it has not received the request, and dies as at `tool started`',
};
/** Why an actor cannot be killed at a boundary. What is not here is run. */
const impossible: Record<Actor, Partial<Record<Boundary, string>>> = {
  up: {},
  broker: { 'pause noted': unqueued, 'pause asked': unqueued },
  wrapper: never((name) => name === 'tool started' || name === 'spawned', 'no tool runs then', gone),
  tool: never((name) => name === 'tool started', 'no tool runs then', gone),
  server: never((name) => name.endsWith('answer'), 'no model server runs then'),
};

/** A kill in the middle of a line leaves half of it. */
const torn: readonly Boundary[] = [
  'command written',
  'seen',
  'claim noted',
  'started',
  'tool ended',
  'commit noted',
  'answer',
  'row noted',
];

interface Cell extends Plan {
  readonly actor: Actor;
  readonly boundary: Boundary;
}

const cells: Cell[] = (Object.keys(impossible) as Actor[]).flatMap((actor) =>
  all.flatMap((boundary) => {
    if (impossible[actor][boundary] !== undefined) return [];
    const tears: readonly When[] = actor === 'up' && torn.includes(boundary) ? ['torn'] : [];
    const act = actor === 'server' ? 'tool' : actor;
    const unborn = actor === 'wrapper' && boundary === 'spawned';
    const whens: readonly When[] = unborn ? ['after'] : ['before', ...tears, 'after'];
    return whens.map((when) => ({
      ...boundaries[boundary],
      ...{ actor, boundary, when, act },
    }));
  }),
);

/** Tools that must have started exactly once a run: all but the one that was killed, and what its attempt begins with. */
function onceOf({ actor, boundary }: Cell): string[] {
  const isTwice = afterKill.includes(boundary) || ofPause.includes(boundary);
  if (actor === 'wrapper' || actor === 'tool' || isTwice) return ['fuse_direct'];
  // Between its record and its start a tool is revoked: the attempt is given up, and the next one checks the data anew.
  if (actor === 'up' && (boundary === 'command written' || boundary === 'spawned')) return ['lora', 'fuse_direct'];
  return ['check_data', 'lora', 'fuse_direct'];
}

/** Sends `pause --now` while the training is held. The command gets its answer, whatever is killed meanwhile. */
async function pause(chain: Chain): Promise<void> {
  const isThere = (name: string) =>
    waitFor(name, () =>
      access(join(folder(chain, 'p-s0'), '.1-train.a1', name)).then(
        () => true,
        () => false,
      ),
    );
  await isThere('states');
  const asked = chain.phasebox('pause', 'p-s0', '--now');
  await isThere('pause');
  await chain.release('go');
  const { code, out } = await asked;
  expect([code, out]).to.eql([
    0,
    'p-s0: paused. `phasebox resume p-s0` ends the pause.\n' +
      'p-s0: train saves its state after the current iteration, and ends\n',
  ]);
}

/** The training has ended once, with its state, and nothing else has started. */
async function expectPaused(chain: Chain, { code, err }: Ended): Promise<void> {
  expect(code).to.equal(3);
  expect(err).to.contain('2 runs left that cannot continue:\n  p-s0 has been paused since ');
  const failures = (await chain.journal('p-s0')).filter((line) => line.event === 'failed');
  expect(failures.map((line) => [line.code, line.attempt])).to.eql([['PAUSED', 1]]);
  expect((await chain.calls('lora')).map(({ run }) => run)).to.eql(['p-s0']);
  expect((await status(chain)).of('p-s0')).to.include({ state: 'paused', stage: 'train', attempt: 2 });
}

/** Two configs, one killed `up`, the same command again: what is left to do goes on by itself. */
async function play(cell: Cell): Promise<void> {
  const chain = await crashChain(await productCommand([withoutPages]));
  const [isKilled, isPaused] = [afterKill.includes(cell.boundary), ofPause.includes(cell.boundary)];
  // Else the tool may be over by itself between the look for its pid and the kill.
  const held = cell.actor === 'wrapper' || cell.actor === 'tool' || isPaused;
  try {
    const lora = { ...(held ? { hold: 'go' } : {}), ...(isKilled ? { killed: 10 } : {}) };
    await chain.write('inbox/p.yaml', config('p', { scene: { lora } }));
    await chain.write('inbox/q.yaml', config('q'));
    const first = await chain.startUnder(hooked(chain, cell), 'up', '--once', '--no-dashboard');
    if (isPaused) await pause(chain);
    else if (held) await waitFor('the kill', () => hitOf(chain, cell));
    await chain.release('go');
    const ended = await first.ended;
    expect(await hitOf(chain, cell), `nothing was hit:\n${ended.out}${ended.err}`).to.not.equal(undefined);
    const again = (): Promise<Ended> => chain.phasebox('up', '--once', '--no-dashboard');
    let last = cell.actor === 'up' ? await again() : ended;
    if (isPaused) {
      await expectPaused(chain, last);
      await fine(chain, 'resume', 'p-s0');
      last = await again();
    }
    expect([last.code, last.err], last.out).to.eql([0, '']);
    await expectNothingLost(chain, ['p-s0', 'q-s0'], onceOf(cell));
    if (!isKilled && !isPaused) return;
    const resumed = (await chain.journal('p-s0')).filter(({ event }) => event === 'training_resumed');
    expect(resumed.map((line) => 'iteration' in line && line.iteration)).to.eql([10]);
  } finally {
    await chain.remove();
  }
}

describe('the crash matrix', () => {
  /** Other test files run at the same time: more would wait for a core, not for a tool. */
  const width = Math.min(8, availableParallelism());
  const times: { name: string; seconds: number }[] = [];
  let played: (Promise<void> | undefined)[] = [];
  const begun = performance.now();

  before(() => {
    const wanted = process.env.CRASH_CELL;
    const list = cells.filter((cell) => wanted === undefined || nameOf(cell).includes(wanted));
    const running = inPool(list, width, async (cell) => {
      const start = performance.now();
      await play(cell);
      times.push({ name: nameOf(cell), seconds: (performance.now() - start) / 1000 });
    });
    for (const one of running) one.catch(() => undefined); // told by its own test
    played = cells.map((cell) => running[list.indexOf(cell)]);
  });
  after(() => {
    const named = Object.values(impossible).flatMap((row) => Object.keys(row)).length;
    const slow = times.sort((a, b) => b.seconds - a.seconds).slice(0, 3);
    const seconds = ((performance.now() - begun) / 1000).toFixed(0);
    console.log(`    ${times.length} of ${cells.length} cells run, ${named * 2} impossible ones named, ${seconds} s`);
    for (const one of slow) console.log(`      ${one.seconds.toFixed(1)} s: ${one.name}`);
  });

  for (const [index, cell] of cells.entries())
    it(nameOf(cell), async function () {
      this.timeout(10 * 60_000);
      // CRASH_CELL names others: not run is not passed.
      const one = played[index];
      if (one === undefined) this.skip();
      await one;
    });
});

function nameOf({ actor, when, boundary }: Cell): string {
  return `${actor} killed ${when === 'torn' ? 'in the middle of' : when} ${boundary}`;
}
