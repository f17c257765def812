// All that `npm test` checks, to the end, whatever fails on the way.
//   node scripts/test.mjs              everything
//   node scripts/test.mjs lint chain   only these
//   node scripts/test.mjs --long [NAME...]   tests that take too long for it, all or only these
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, relative } from 'node:path';

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

/** Folders of test/, long ones first; `rest` = every folder that no other row names. A suite over its limit is ended. */
const suites = {
  crash: { folders: ['crash'], limit_min: 25 },
  real: { folders: ['real'], limit_min: 25 },
  chain: { folders: ['chain'], limit_min: 15 },
  unit: { folders: 'rest', limit_min: 15 },
  browser: { folders: ['browser'], limit_min: 5 },
};
/** Files of test/long/. What each can be told by its environment stands at its head. */
const longSuites = {
  damage: { files: ['test/long/damage.test.ts'], limit_min: 120 },
  harms: { files: ['test/long/harms.test.ts'], limit_min: 120 },
};
const linesOfFailure = 40;
/** Suites at a time: one alone waits for its subprocesses and leaves half of two cores idle. */
const lanes = Math.min(2, availableParallelism());

const isLong = process.argv[2] === '--long';
const offered = isLong ? longSuites : suites;
const names = [...Object.keys(isLong ? {} : checks), ...Object.keys(offered)];
const asked = process.argv.slice(isLong ? 3 : 2);
const unknown = asked.filter((name) => !names.includes(name));
if (unknown.length > 0) {
  process.stderr.write(`test: there is no ${unknown.join(', ')}. Allowed: ${names.join(', ')}.\n`);
  process.exit(2);
}

/** What runs, as `end(signal)` of each: a signal to us reaches them all. */
const living = new Set();
for (const signal of ['SIGINT', 'SIGTERM'])
  process.once(signal, () => {
    for (const end of living) end('SIGTERM');
    process.exit(130);
  });

const total = { passed: 0, failed: 0, skipped: 0 };
const lines = [];
/** What failed, again at the end: who reads the last lines only sees it too. */
const red = [];
const wanted = asked.length > 0 ? asked : names;
const print = inTurn((text) => process.stdout.write(text));
for (const name of wanted.filter((one) => one in checks)) await report(name, (say) => check(checks[name], say));
const queue = wanted.filter((one) => one in offered);
await Promise.all(
  Array.from({ length: lanes }, async () => {
    for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
      const files = offered[name];
      await report(name, (say) => suite(files, say));
    }
  }),
);
for (const text of red) process.stdout.write(`\n${text}\n`);
process.stdout.write(`\n${lines.join('\n')}\n\n${sentence(total)}\n`);
process.exitCode = total.failed === 0 ? 0 : 1;

/** Runs one check or suite; its output comes in one piece, live when it is the first that runs. */
async function report(name, work) {
  const { say, over } = print();
  say(`\n== ${name}\n`);
  const start = performance.now();
  const counts = await work(say);
  for (const key of Object.keys(total)) total[key] += counts[key];
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  const why = counts.why === undefined ? '' : `: ${counts.why}`;
  for (const text of counts.told ?? []) red.push(`${name}: ${firstLines(text)}`);
  lines.push(`${name.padEnd(8)} ${seconds.padStart(6)} s   ${sentence(counts)}${why}`);
  say(`== ${lines.at(-1)}\n`);
  over();
}

/** Writers to one output: the first writes at once, what the others say is kept until those before them are over. */
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

/** Mocha on the suite's files; its counts come by a file, so that its output stays live. */
async function suite({ folders, files = testFiles(folders), limit_min }, say) {
  if (files.length === 0) return { passed: 0, failed: 0, skipped: 0, why: 'no test files' };
  const folder = mkdtempSync(join(tmpdir(), 'phasebox-counts-'));
  const counts = join(folder, 'counts.json');
  try {
    const { code, why } = await run({
      program: process.execPath,
      args: [...mochaOptions(), ...files],
      env: { PHASEBOX_TEST_COUNTS: counts },
      limit_min,
      say,
    });
    const found = read(counts);
    if (found === null) return { passed: 0, failed: 1, skipped: 0, why: why ?? 'mocha ended without a result' };
    // All tests passed and yet no 0: a crash, or a process that never ended, after the last test.
    if (code !== 0 && found.failed === 0) return { ...found, failed: 1, why: why ?? `mocha ended with code ${code}` };
    return found;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** .mocharc.json without its `spec`: mocha would add those files to ours. */
function mochaOptions() {
  const { 'node-option': node = [], require: required = [], timeout } = read(join(repository, '.mocharc.json'));
  return [
    ...node.map((option) => `--${option}`),
    join(repository, 'node_modules/mocha/bin/mocha.js'),
    '--no-config',
    '--forbid-only',
    ...required.flatMap((file) => ['--require', join(repository, file)]),
    ...['--timeout', String(timeout), '--reporter', join(repository, 'scripts/lib/reporter.mjs')],
  ];
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

/** A group of its own, so that a suite over its limit is ended with all that it started. */
function run({ program, args, say, env = {}, limit_min = 10 }) {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd: repository,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
      env: { ...process.env, ...environment(), ...env },
    });
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', say);
    let why;
    const end = (signal) => {
      if (child.pid !== undefined && child.exitCode === null && child.signalCode === null)
        process.kill(-child.pid, signal);
    };
    const timer = setTimeout(() => {
      why = `ended: still running after ${limit_min} min`;
      end('SIGKILL');
    }, limit_min * 60_000);
    // The terminal's Ctrl-C reaches only our own group.
    living.add(end);
    const done = (code) => {
      clearTimeout(timer);
      living.delete(end);
      resolve({ code, why });
    };
    child.on('error', (error) => {
      why = error.message;
      done(1);
    });
    // A process left behind may hold the pipes for ever.
    child.on('exit', () =>
      setTimeout(() => [child.stdout, child.stderr].map((stream) => stream.destroy()), 5000).unref(),
    );
    child.on('close', (code) => done(code ?? 1));
  });
}

/** mlx on Linux would compile its kernels anew for each model that a test makes. */
function environment() {
  return process.platform === 'linux' ? { MLX_DISABLE_COMPILE: '1' } : {};
}

function read(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT') return null;
    throw error;
  }
}
