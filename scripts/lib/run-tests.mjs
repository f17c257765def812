// One process that `npm test` waits for: a check, or mocha on some files.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const repository = join(import.meta.dirname, '../..');

/** The running processes, as `end(signal)` of each: a signal to this script reaches them all. */
const living = new Set();
for (const signal of ['SIGINT', 'SIGTERM'])
  process.once(signal, () => {
    for (const end of living) end('SIGTERM');
    process.exit(130);
  });

/** Mocha on some files. Its counts are written to a file, so that its output stays live. */
export async function mocha({ files, limit_min }, say) {
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
    // All tests passed but the exit code is not 0: a crash, or a process that never ended, after the last test.
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

/** In a process group of its own, so that a suite over its limit is stopped with everything that it started. */
export function run({ program, args, say, env = {}, limit_min = 10 }) {
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
    // The terminal's Ctrl-C only reaches our own group.
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
    // A process that was left may keep the pipes open without end.
    child.on('exit', () =>
      setTimeout(() => [child.stdout, child.stderr].map((stream) => stream.destroy()), 5000).unref(),
    );
    child.on('close', (code) => done(code ?? 1));
  });
}

/** mlx on Linux would compile its kernels again for each model that a test makes. */
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
