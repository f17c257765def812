// One night: the manager is started, hurt once, started again where it died, and watched until nothing more happens.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { managers } from './managers.mjs';
import { isAlive, kill, processesWith, stageTree } from './processes.mjs';

/** `at`: the line of the stage at which it is hurt; `manager`: whether the manager is killed and started again. */
export const cases = {
  'nothing happens': {},
  'manager killed': { at: 'half', manager: true },
  'manager and its child killed': { at: 'half', manager: true, child: true },
  'child killed': { at: 'half', child: true },
  'half an output, exit code 0': { leave: 'half' },
  'state wiped between two stages': { at: 'end', wipe: true },
  'manager and its child killed, state wiped': { at: 'half', manager: true, child: true, wipe: true },
};

const restart_ms = 1000;
/** Nothing new for this long while no stage lives: it will not go on by itself. */
const idle_ms = 20_000;
const longest_ms = 300_000;

function timeline(folder) {
  const path = join(folder, 'timeline.jsonl');
  const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
  const whole = text.slice(0, text.lastIndexOf('\n') + 1); // the last line may be on its way
  return whole.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]));
}

async function until(what, look) {
  for (const end = Date.now() + longest_ms; Date.now() < end; await delay(20)) {
    const found = look();
    if (found) return found;
  }
  throw new Error(`waited in vain for ${what}`);
}

/** Plays one night; what came of it. `where`: the stage that is hurt, `A fuse`. */
export async function playNight({ name, kind, where, tools }) {
  const folder = mkdtempSync(join(tmpdir(), 'peers-'));
  const made = managers[name](folder, tools);
  const [experiment, stage] = where.split(' ');
  const wound = cases[kind];
  if (wound.at === 'half') writeFileSync(join(folder, `long-${experiment}-${stage}`), '');
  if (wound.leave) writeFileSync(join(folder, `half-${experiment}-${stage}`), '');
  let manager;
  try {
    manager = await made.start();
    if (wound.at) manager = await hurt({ folder, made, manager, wound, experiment, stage });
    const person = [];
    await settled(folder, made, manager);
    for (const step of made.finished() ? [] : made.steps) {
      person.push(step.what);
      manager = (await step.run()) ?? manager;
      await settled(folder, made, manager);
      if (made.finished()) break;
    }
    return {
      name,
      kind,
      where,
      person,
      ...seen(timeline(folder)),
      finished: made.finished(),
      whole: made.whole(),
      log: log(folder),
    };
  } finally {
    await end(folder, manager);
  }
}

async function hurt({ folder, made, manager, wound, experiment, stage }) {
  const here = (line) => line.experiment === experiment && line.stage === stage && line.event === wound.at;
  const { pid } = await until(`${wound.at} of ${experiment} ${stage}`, () => timeline(folder).find(here));
  const tree = stageTree(pid, manager.pid);
  if (wound.manager) kill(manager.pid);
  if (wound.child) kill(...(wound.manager ? tree : [pid]));
  if (wound.wipe) await made.wipe(!wound.manager);
  if (!wound.manager) return manager;
  await delay(restart_ms);
  return made.restart();
}

/** Until the night is over, or nothing happens any more. */
async function settled(folder, made, manager) {
  let [lines, since, gone] = [-1, Date.now(), false];
  manager.gone.then(() => {
    gone = true;
  });
  await until('an end of the night', () => {
    const now = timeline(folder);
    const alive = now.some(({ event, pid }) => event === 'start' && isAlive(pid));
    if (made.finished() && !alive) return true;
    if (now.length !== lines || alive) [lines, since] = [now.length, Date.now()];
    return Date.now() - since > (gone ? 2000 : idle_ms);
  });
}

/** What the stages' own lines say. */
function seen(lines) {
  const starts = lines.filter(({ event }) => event === 'start');
  const name = ({ experiment, stage }) => `${experiment} ${stage}`;
  const again = starts.filter((line, index) => starts.slice(0, index).some((one) => name(one) === name(line)));
  const done = (line) => lines.some((one) => one.event === 'end' && name(one) === name(line) && one.at < line.at);
  return {
    twice: again.map(name),
    repeated: again.filter(done).map(name),
    overlaps: starts.flatMap((line) => line.beside.map((other) => `${name(line)} beside ${other}`)),
    halves: starts
      .filter(({ input }) => ['half', 'damaged'].includes(input))
      .map((line) => `${name(line)} read a ${line.input} input`),
    missing: starts.filter(({ input }) => input === 'missing').map(name),
    seconds: lines.length === 0 ? 0 : (lines.at(-1).at - lines[0].at) / 1000,
  };
}

const log = (folder) => {
  const path = join(folder, 'manager.log');
  return existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(-40) : [];
};

/** Everything that carries the night's folder in its arguments or environment is ours. */
async function end(folder, manager) {
  for (let left = [manager?.pid ?? 0].filter((pid) => pid > 0 && isAlive(pid)); ; await delay(100)) {
    kill(...left);
    left = processesWith(folder).map(({ pid }) => pid);
    if (left.length === 0) break;
  }
  rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
}
