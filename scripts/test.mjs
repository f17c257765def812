// All that `npm test` checks, to the end, whatever fails on the way.
//   node scripts/test.mjs              everything
//   node scripts/test.mjs lint chain   only these
//   node scripts/test.mjs --long [NAME...]   tests that take too long for it, all or only these
import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, join, relative } from 'node:path';
import { mocha, run } from './lib/run-tests.mjs';
import { distIsCurrent } from './lib/sources.mjs';

const repository = join(import.meta.dirname, '..');
const bin = (name) => join(repository, 'node_modules/.bin', name);

/** Each counts as one test. */
const checks = {
  lint: [
    [bin('biome'), 'check', '--error-on-warnings', '.'],
    [bin('depcruise'), '--config', '.dependency-cruiser.mjs', 'src'],
    [process.execPath, join(repository, 'scripts/budget.mjs')],
    [process.execPath, join(repository, 'scripts/words.mjs')],
  ],
  types: [[bin('tsc'), '--noEmit']],
};

/**
 * Folders of test/. `rest` means every folder that no other row names. `each` is how many of its files share a mocha
 * process. A process that runs longer than its limit is killed.
 */
const suites = {
  crash: { folders: ['crash'], each: 2, limit_min: 25 },
  real: { folders: ['real'], each: 3, limit_min: 25 },
  browser: { folders: ['browser'], each: 9, limit_min: 5 },
  chain: { folders: ['chain'], each: 6, limit_min: 20 },
  unit: { folders: 'rest', each: 24, limit_min: 15 },
};
/** Files of test/long/. The environment variables of each are described at its top. */
const longSuites = {
  damage: { files: ['test/long/damage.test.ts'], each: 1, limit_min: 120 },
  resume: { files: ['test/long/resume.test.ts'], each: 1, limit_min: 120 },
  harms: { files: ['test/long/harms.test.ts'], each: 1, limit_min: 120 },
  nights: { files: ['test/long/nights.test.ts'], each: 1, limit_min: 120 },
  requantise: { files: ['test/long/requantise.test.ts'], each: 1, limit_min: 60 },
  reattach: { files: ['test/long/reattach.test.ts'], each: 1, limit_min: 60 },
  random: { files: ['test/long/random.test.ts'], each: 1, limit_min: 120 },
  evenings: { files: ['test/long/evenings.test.ts'], each: 1, limit_min: 60 },
};
/** The files that take longest start first, so that no lane works alone at the end. */
const longest = [
  ...['crash/matrix', 'crash/random', 'crash/broker', 'crash/full-disk', 'crash/reattach', 'crash/sleep'],
  ...['real/chain', 'real/requantise', 'real/download', 'real/demo', 'real/select', 'real/templates'],
].map((name) => `test/${name}.test.ts`);
const linesOfFailure = 40;
/** Mocha processes at a time: one more than cores, since tests also wait. With as many as cores, 40 % of the CPU was idle. */
const lanes = Math.min(4, availableParallelism() + 1);

const isLong = process.argv[2] === '--long';
const offered = isLong ? longSuites : suites;
const names = [...Object.keys(isLong ? {} : checks), ...Object.keys(offered)];
const asked = process.argv.slice(isLong ? 3 : 2);
const unknown = asked.filter((name) => !names.includes(name));
if (unknown.length > 0) {
  process.stderr.write(`test: there is no ${unknown.join(', ')}. Allowed: ${names.join(', ')}.\n`);
  process.exit(2);
}

const nothing = { seconds: 0, passed: 0, failed: 0, skipped: 0 };
/** Counts by the name of the check or suite. `seconds` is the sum of its processes. */
const results = new Map();
/** The failures are printed again at the end, for readers of the last lines. */
const red = [];
const wanted = asked.length > 0 ? asked : names;
const print = inTurn((text) => process.stdout.write(text));
// Once, before many processes find that it is due.
if (wanted.some((one) => one in offered) && !distIsCurrent(repository)) {
  const { code } = await run({
    program: process.execPath,
    args: [join(repository, 'scripts/build.mjs')],
    say: (text) => process.stdout.write(text),
  });
  if (code !== 0) {
    process.stderr.write('test: the build failed, so no test ran.\n');
    process.exit(1);
  }
}
const queue = wanted.flatMap((name) => (name in checks ? checkOf(name) : jobsOf(name)));
queue.sort((one, other) => one.place - other.place);
await Promise.all(
  Array.from({ length: lanes }, async () => {
    for (let job = queue.shift(); job !== undefined; job = queue.shift()) await report(job);
  }),
);
for (const text of red) process.stdout.write(`\n${text}\n`);
process.stdout.write('\n');
for (const [name, counts] of results) process.stdout.write(`${line(name, counts)}\n`);
const total = [...results.values()].reduce(sum, nothing);
process.stdout.write(`\n${sentence(total)}\n`);
process.exitCode = total.failed === 0 ? 0 : 1;

function checkOf(name) {
  return { name, title: name, place: -1, work: (say) => check(checks[name], say) };
}

/** The mocha processes of a suite. */
function jobsOf(name) {
  const { folders, files = testFiles(folders), each, limit_min } = offered[name];
  if (files.length === 0)
    return [{ name, title: name, place: 0, work: async () => ({ ...nothing, failed: 1, why: 'no test files' }) }];
  const alone = files.filter((file) => each === 1 || longest.includes(file));
  const rest = files.filter((file) => !alone.includes(file));
  const parts = alone.map((file) => [file]);
  // Adjacent files take about equally long, so they are distributed.
  const packs = Math.ceil(rest.length / each);
  for (let pack = 0; pack < packs; pack += 1) parts.push(rest.filter((_, index) => index % packs === pack));
  return parts.map((part, index) => ({
    ...{ name, title: part.length === 1 ? `${name}: ${basename(part[0], '.test.ts')}` : `${name}, part ${index + 1}` },
    place: longest.includes(part[0]) ? longest.indexOf(part[0]) : longest.length,
    work: (say) => mocha({ files: part, limit_min }, say),
  }));
}

/** Runs one check or one mocha process. Its output is printed as one piece, and live if it is the first that runs. */
async function report({ name, title, work }) {
  const { say, over } = print();
  say(`\n== ${title}\n`);
  const start = performance.now();
  const counts = { ...(await work(say)), seconds: (performance.now() - start) / 1000 };
  for (const text of counts.stacks ?? []) red.push(`${title}: ${firstLines(text)}`);
  if (counts.why !== undefined) red.push(`${title}: ${counts.why}`);
  results.set(name, sum(results.get(name) ?? nothing, counts));
  say(`== ${line(title, counts)}\n`);
  over();
}

function sum(one, other) {
  return Object.fromEntries(Object.keys(nothing).map((key) => [key, one[key] + other[key]]));
}

function line(name, { seconds, why, ...counts }) {
  return `${name.padEnd(8)} ${seconds.toFixed(1).padStart(6)} s   ${sentence(counts)}${why === undefined ? '' : `: ${why}`}`;
}

/**
 * Writers to one output: the first writes at once, and the output of the others is kept until those before them have
 * finished.
 */
function inTurn(write) {
  const writers = [];
  const flush = () => {
    for (; writers.length > 0; writers.shift()) {
      write(writers[0].kept.splice(0).join(''));
      if (!writers[0].over) return;
    }
  };
  return () => {
    const writer = { kept: [], over: false };
    writers.push(writer);
    return {
      say(text) {
        writer.kept.push(text);
        if (writer === writers[0]) flush();
      },
      over() {
        writer.over = true;
        flush();
      },
    };
  };
}

function firstLines(text) {
  const all = text.split('\n');
  return [...all.slice(0, linesOfFailure), ...(all.length > linesOfFailure ? ['...'] : [])].join('\n  ');
}

function sentence({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

async function check(commands, say) {
  let failed = 0;
  for (const [program, ...args] of commands) {
    const { code } = await run({ program, args, say });
    if (code !== 0) failed = 1;
  }
  return { passed: 1 - failed, failed, skipped: 0 };
}

function testFiles(folders) {
  const test = join(repository, 'test');
  const named = ['long', ...Object.values(suites).flatMap((row) => (row.folders === 'rest' ? [] : row.folders))];
  return readdirSync(test, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.test.ts'))
    .map((entry) => relative(test, join(entry.parentPath, entry.name)))
    .filter((file) => {
      const [top] = file.split('/');
      return folders === 'rest' ? !named.includes(top) && top !== 'fixtures' : folders.includes(top);
    })
    .sort()
    .map((file) => join('test', file));
}
