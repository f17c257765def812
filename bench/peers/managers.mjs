// How each manager is given the same night, started, wiped and started again. Each is a function of the night's folder.
import { execFile, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import { kill, processesWith } from './processes.mjs';

const run = promisify(execFile);
const here = import.meta.dirname;
const repository = join(here, '../..');
export const experiments = ['A', 'B'];
const sixStages = ['train', 'select', 'fuse', 'quantize', 'cleanup', 'eval'];

/** A program in the background whose output goes to NIGHT/manager.log. */
function start(argv, { night, env, cwd = night }) {
  const log = openSync(join(night, 'manager.log'), 'a');
  const child = spawn(argv[0], argv.slice(1), { cwd, env: { ...process.env, ...env }, stdio: ['ignore', log, log] });
  const gone = new Promise((resolve) => child.once('exit', (code) => resolve(code ?? -1)));
  return { pid: child.pid, gone };
}

const halves = (path) => (existsSync(path) ? readFileSync(path, 'utf8').split('\n').length - 1 : 0);
const outputs = (night) => experiments.map((experiment) => halves(join(night, 'out', experiment, 'eval')));

function phasebox(night, { program, python }) {
  const train = { iters: 20, batch_size: 2, num_layers: 2, mask_prompt: true, max_seq_length: 128, save_every: 10 };
  const prompts = ['read_file', 'lint', 'git_status', 'check_schema'].map((name, index) => ({
    ...{ id: `p${index}`, category: 'text_tools', prompt: `use ${name}`, expect: [name] },
  }));
  mkdirSync(join(night, 'inbox'));
  for (const name of ['models', 'data']) cpSync(join(repository, 'demo', name), join(night, name), { recursive: true });
  const write = (path, value) => writeFileSync(join(night, path), JSON.stringify(value)); // JSON is YAML
  write('phasebox.yaml', { python: join(here, 'python'), disk_reserve_gb: 0, retry_pause_s: [1] });
  write('four.yaml', { suite: 'four', prompts });
  for (const phase of experiments)
    write(`inbox/${phase}.yaml`, {
      ...{ phase, model: 'models/A-base', data: 'data', train, fuse: { mode: 'two_step' } },
      ...{ eval: { suite: 'four.yaml', base: false }, env: { PEERS_NIGHT: night } },
    });
  const env = {
    ...{ PEERS_NIGHT: night, STAND_IN_FOLDER: night, PEERS_PYTHON: python, NO_COLOR: '1' },
    ...{ REDIS_URL: '', PHASEBOX_PYTHON: '' },
    ...{ PHASEBOX_SLOT_DIR: join(night, 'slot') }, // nights run beside each other
  };
  const rows = () => {
    const path = join(night, 'artifacts/results.jsonl');
    return existsSync(path)
      ? readFileSync(path, 'utf8')
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line))
      : [];
  };
  const up = () => start([process.execPath, program, '--workspace', night, 'up', '--no-dashboard'], { night, env });
  return {
    start: up,
    restart: up,
    steps: [],
    async wipe(alive) {
      const redis = new Redis({ path: join(night, '.phasebox/broker.sock') });
      await redis.flushall();
      const [, pid] = /^process_id:(\d+)/m.exec(await redis.info('server'));
      redis.disconnect();
      if (!alive) kill(Number(pid));
      rmSync(join(night, '.phasebox/broker'), { recursive: true });
      mkdirSync(join(night, '.phasebox/broker'));
    },
    finished: () => rows().length === experiments.length,
    whole: () => rows().filter(({ status }) => status === 'done').length,
  };
}

/** `careful`: outputs are written aside and renamed; whoever starts the server again queues each stage that has no output. */
function taskSpooler(night, { python, tsp, careful }) {
  const env = { TS_SOCKET: join(night, 'socket'), TMPDIR: night, TS_SAVELIST: join(night, 'list'), PEERS_NIGHT: night };
  const options = { cwd: night, env: { ...process.env, ...env } };
  for (const experiment of experiments) mkdirSync(join(night, 'out', experiment), { recursive: true });
  const queue = async (onlyMissing) => {
    for (const experiment of experiments) {
      let queued = false;
      for (const [index, stage] of sixStages.entries()) {
        const [output, input] = [stage, sixStages[index - 1]].map((name) => `out/${experiment}/${name}`);
        if (onlyMissing && existsSync(join(night, output))) continue;
        const program = [python, join(here, 'stage.py'), night, experiment, stage];
        const plain = [...program, output, ...(index > 0 ? [input] : [])];
        const aside = `${[...program, `${output}.part`, ...(index > 0 ? [input] : [])].join(' ')} && mv ${output}.part ${output}`;
        await run(tsp, [...(queued ? ['-d'] : []), ...(careful ? ['sh', '-c', aside] : plain)], options);
        queued = true;
      }
    }
  };
  /** The server starts with the first call of tsp and forks itself away: the only process that has our socket's name. */
  const server = async () => {
    const before = new Set(processesWith(`TS_SOCKET=${env.TS_SOCKET}`).map(({ pid }) => pid));
    await run(tsp, [], options);
    const born = processesWith(`TS_SOCKET=${env.TS_SOCKET}`).filter(({ pid }) => !before.has(pid));
    return { pid: born[0]?.pid ?? 0, gone: new Promise(() => undefined) };
  };
  const everything = { what: 'queue the whole night again', run: () => queue(false) };
  const missing = { what: 'queue what has no output again', run: () => queue(true) };
  return {
    async start() {
      const manager = await server();
      await queue(false);
      return manager;
    },
    async restart() {
      const manager = await server();
      if (careful) await queue(true);
      return manager;
    },
    steps: careful ? [missing, everything] : [everything],
    async wipe() {
      rmSync(env.TS_SOCKET, { force: true });
      rmSync(env.TS_SAVELIST, { force: true });
    },
    finished: () => outputs(night).every((lines) => lines > 0),
    whole: () => outputs(night).filter((lines) => lines === 2).length,
  };
}

/** `careful`: outputs are written aside and renamed; every start unlocks, makes incomplete outputs again, keeps going, retries. */
function snakemake(night, { python, snakemake: program, careful }) {
  const env = {
    ...{ PEERS_NIGHT: night, PEERS_PYTHON: python, PEERS_STAGE: join(here, 'stage.py') },
    ...{ XDG_CACHE_HOME: join(night, 'cache'), PEERS_ASIDE: careful ? '1' : '' },
  };
  const argv = [program, '--snakefile', join(here, 'Snakefile'), '--cores', '1', '--prioritize', 'out/A/eval'];
  const more = careful ? ['--rerun-incomplete', '--keep-going', '--retries', '3'] : [];
  const begin = (...flags) => start([...argv, ...flags], { night, env });
  const unlock = async () => begin('--unlock').gone;
  const unlocked = async (...flags) => {
    await unlock();
    return begin(...flags);
  };
  return {
    start: () => begin(...more),
    restart: () => (careful ? unlocked(...more) : begin()),
    steps: [
      { what: 'the same command again', run: () => begin(...more) },
      { what: '--unlock, the same command again', run: () => unlocked(...more) },
      { what: '--unlock, --rerun-incomplete', run: () => unlocked('--rerun-incomplete') },
    ],
    async wipe() {
      rmSync(join(night, '.snakemake'), { recursive: true, force: true, maxRetries: 5 });
    },
    finished: () => outputs(night).every((lines) => lines > 0),
    whole: () => outputs(night).filter((lines) => lines === 2).length,
  };
}

/** name -> (night, tools) -> manager. The careful ones are the same tool as someone sets it up who knows it well. */
export const managers = {
  phasebox,
  'task-spooler': taskSpooler,
  'task-spooler, careful': (night, tools) => taskSpooler(night, { ...tools, careful: true }),
  Snakemake: snakemake,
  'Snakemake, careful': (night, tools) => snakemake(night, { ...tools, careful: true }),
};
