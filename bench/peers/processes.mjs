// What the kill script sees of processes. Linux only: it reads /proc.
import { readdirSync, readFileSync } from 'node:fs';

const read = (path) => {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'EACCES'].includes(error.code)) return ''; // it ended while we looked, or is not ours
    throw error;
  }
};

/** { pid, parent, state, args, env } of every process that carries `text` in its arguments or environment. */
export function processesWith(text) {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map((name) => describe(Number(name)))
    .filter((one) => one !== null && one.state !== 'Z' && (one.args.includes(text) || one.env.includes(text)));
}

function describe(pid) {
  const stat = read(`/proc/${pid}/stat`);
  if (stat === '') return null;
  const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const args = read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim();
  return { pid, parent: Number(parent), state, args, env: read(`/proc/${pid}/environ`) };
}

export const isAlive = (pid) => ![null, 'Z', 'X'].includes(describe(pid)?.state ?? null);

/** `pid` and all its ancestors below `manager`: a stage's program with the shells and wrappers that were started for it. */
export function stageTree(pid, manager) {
  const tree = [];
  for (let at = describe(pid); at !== null && at.pid > 1 && at.pid !== process.pid; at = describe(at.parent)) {
    if (at.pid === manager) break;
    tree.push(at.pid);
  }
  return tree;
}

/** Ends processes by id; one that is gone already is no error. */
export function kill(...pids) {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if (error.code !== 'ESRCH') throw error;
    }
  }
}
