import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import type { Status } from '../../src/commands/status.ts';
import type { Row } from '../../src/events/row.ts';
import { type Chain, config, makeChain } from '../helpers/chain.ts';
import { seeded } from '../helpers/crash.ts';
import { endProcesses } from '../helpers/processes.ts';
import { stackIn } from '../helpers/stacks.ts';
import { tempDir } from '../helpers/temp.ts';
import { treeOf } from '../helpers/tree.ts';
import { type HarmedNight, harmUntil } from './harms.ts';

/** What the phases of a night are; each kind scores the same in every phase. */
const kinds: Readonly<Record<string, (phase: string) => string>> = {
  plain: (phase) => config(phase, { criteria: { gate: 'overall >= 10' } }),
  select: (phase) => config(phase, { select: { by: 'suite', suite: 'four.yaml', prompts: 2 } }),
  two: (phase) => config(phase, { fuse: { mode: 'two_step', q_bits: 4, q_group_size: 32 }, seeds: [0, 1] }),
  measured: (phase) => config(phase, { eval: { suite: 'four.yaml', base: true, cost: true } }),
};
const kindNames = Object.keys(kinds);

/** Killed tools are tried again at once and for ever: that is no failure of the run. */
const patient = { stage_retries: 100, retry_pause_s: [0] };
const limit_ms = 180_000;

/** Scores and verdicts of a row that no harm to other runs may change. */
const scoresOf = ({ status, overall, strict, verdict, outcome }: Row) => ({
  status,
  overall,
  strict,
  verdict,
  outcome,
});

/** What each kind scores in a night that nobody harms, by kind and seed. */
export async function controlScores(): Promise<ReadonlyMap<string, ReturnType<typeof scoresOf>>> {
  const chain = await makeChain(patient);
  try {
    for (const [name, make] of Object.entries(kinds)) await chain.write(`inbox/${name}.yaml`, make(name));
    expect((await chain.phasebox('up', '--once', '--no-dashboard')).code).to.equal(0);
    return new Map((await chain.rows()).map((row) => [row.run, scoresOf(row)]));
  } finally {
    await chain.remove();
  }
}

export interface HarmedOptions {
  readonly seed: number;
  readonly seconds: number;
  readonly phases: number;
  readonly control: Awaited<ReturnType<typeof controlScores>>;
  readonly say: (line: string) => void;
}

/** A night that is harmed for some seconds and then left alone: every run must be done, or say why it is not. */
export async function playHarmedNight(options: HarmedOptions): Promise<void> {
  const random = seeded(options.seed);
  const canary = await tempDir('canary');
  await mkdir(join(canary, 'artifacts'));
  await writeFile(join(canary, 'artifacts/results.jsonl'), 'mine');
  const before = await treeOf(canary);
  const chain = await makeChain(patient);
  const done: string[] = [];
  try {
    const phases = await submitNight(chain, options.phases, random);
    const night: HarmedNight = { chain, random, up: await chain.up(), said: [], touched: new Set() };
    const note = (line: string): void => {
      done.push(line);
      options.say(line);
    };
    await harmUntil(night, performance.now() + options.seconds * 1000, note);
    await night.up.stop('SIGKILL');
    night.said.push(night.up.out(), (await night.up.ended).err);
    await expectEnd(night, phases, options.control);
    expect(await treeOf(canary)).to.eql(before);
  } catch (error) {
    const told = `seed ${options.seed}, after:\n  ${done.join('\n  ')}`;
    throw new Error(`${error instanceof Error ? error.message : error}\n${told}`, { cause: error });
  } finally {
    await endProcesses(chain.root);
    await chain.remove();
  }
}

async function submitNight(chain: Chain, count: number, random: () => number): Promise<readonly string[]> {
  const phases = Array.from(
    { length: count },
    (_, index) => `${kindNames[Math.floor(random() * kindNames.length)]}${index}`,
  );
  const files = await Promise.all(
    phases.map((phase) => chain.write(`drop/${phase}.yaml`, kinds[phase.replace(/\d+$/, '')]?.(phase) ?? '')),
  );
  expect(await chain.phasebox('submit', ...files)).to.include({ code: 0, err: '' });
  return phases;
}

/** `up --once` until nothing is open. A pause that was asked for is taken back first. */
async function expectEnd(night: HarmedNight, phases: readonly string[], control: HarmedOptions['control']) {
  const { chain, said, touched } = night;
  await chain.phasebox('resume');
  const last = await chain.start('up', '--once', '--no-dashboard');
  const clock = new AbortController();
  const late = delay(limit_ms, null, { signal: clock.signal }).catch(() => null);
  const ended = await Promise.race([last.ended, late]);
  clock.abort();
  if (ended === null) {
    const { out } = await chain.phasebox('status');
    await last.stop('SIGKILL');
    throw new Error(`the last \`up --once\` did not end:\n${out}\n${last.out()}`);
  }
  const json = await chain.phasebox('status', '--json');
  const text = [...said, ended.out, ended.err, json.err, (await chain.phasebox('status')).out].join('\n');
  const stack = stackIn(text);
  if (stack !== null) throw new Error(`a stack was printed:\n${stack}`);
  const { runs } = JSON.parse(json.out) as Status;
  for (const { run, state, why } of runs) {
    expect(['done', 'failed', 'cancelled', 'damaged'], `${run} at the end:\n${text}`).to.include(state);
    if (state !== 'done') expect(why, `${run} is ${state}`).to.match(/\w/);
  }
  const rows = new Map((await chain.rows()).map((row) => [row.run, row]));
  for (const phase of phases) {
    for (const [run, expected] of control) {
      const [kind = '', seed = ''] = run.split('-');
      if (kind !== phase.replace(/\d+$/, '')) continue;
      const name = `${phase}-${seed}`;
      if (touched.has(phase) || touched.has(`${phase}/${name}`)) continue;
      const row = rows.get(name);
      expect(row === undefined ? 'no row' : scoresOf(row), `${name} ${row?.error?.message ?? ''}\n${text}`).to.eql(
        expected,
      );
    }
  }
  const copies = (await readdir(join(chain.root, 'artifacts'))).filter((name) => name.endsWith('copy'));
  for (const copy of copies) expect(text, 'a copy is named').to.include(join('artifacts', copy));
}
