import { join } from 'node:path';
import { sizeText } from '../../core/format.ts';
import { ownerOf } from '../../io/claim/ownership.ts';
import { socketFolder } from '../../io/claim/sockets.ts';
import { nonce } from '../../io/disk/files.ts';
import { freeBytes } from '../../io/host/disk-usage.ts';
import {
  fifoProblem,
  foreignFolders,
  inDraft,
  listenProblem,
  nearestFolder,
  writeAndRename,
} from '../../io/host/file-system-facts.ts';
import { startTool } from '../../io/tool/tool-process.ts';
import type { Workspace } from '../../io/workspace/workspace.ts';
import { type Check, checked, missing, ok, reasonOf, remedyOf, warn } from './checks.ts';

/** What a workspace needs of its folders, the disk, the clock and the ports. */
export async function checkPlaces(workspace: Workspace): Promise<Check[]> {
  const { root } = workspace;
  const artifacts = await nearestFolder(workspace.artifacts);
  const owner = await ownerOf(workspace.state);
  const checks = await Promise.all([
    checked('workspace', root, async () => ok('workspace', workspace.root)),
    checked('inbox', root, () => checkFolder('inbox', workspace.inbox, root)),
    checked('artifacts', root, () => checkFolder('artifacts', workspace.artifacts, root)),
    checked('tools', root, () => checkWrapper(artifacts)),
    checked('sockets', root, () => checkSockets(workspace)),
    checked('disk', root, () => checkDisk(workspace)),
    checked('clock', root, () => checkClock(workspace)),
    checked('dashboard', root, () => checkDashboard(workspace, owner)),
    checked('up', root, async () => ok('up', owner === null ? 'not running' : `running, pid ${owner}`)),
  ]);
  return checks.flat();
}

async function checkFolder(name: string, wanted: string, root: string): Promise<Check> {
  const path = await nearestFolder(wanted);
  try {
    await writeAndRename(path);
  } catch (error) {
    const todo = await remedyOf(error, root, 'Name another folder in phasebox.yaml.');
    return missing(name, `${path} cannot be written: ${reasonOf(error)}`, todo);
  }
  if (path !== wanted) return ok(name, `${wanted}: does not exist yet, \`phasebox up\` makes it`);
  const foreign = await foreignFolders(path);
  if (foreign.length === 0) return ok(name, path);
  const todo = 'Files are renamed into them: move them onto one disk with the folder above.';
  return missing(name, `${foreign.join(', ')}: on another file system than ${path}`, todo);
}

/** A tool that does nothing, started like all tools: fifo, shell, process group and exit code. */
async function checkWrapper(folder: string): Promise<Check> {
  const problem = await fifoProblem(folder);
  if (problem !== null) {
    const todo = 'Put artifacts on a disk of the system (APFS, ext4): exFAT and some network drives have no fifos.';
    return missing('tools', `${folder}: ${problem}`, todo);
  }
  const { code } = await inDraft(folder, async (dir) => {
    const tool = await startTool({ dir, argv: ['true'], env: {}, cwd: dir });
    return tool.ended;
  });
  if (code === 0)
    return ok(
      'tools',
      'processes for stages (mlx_lm, model servers, your own commands) can be started, and phasebox gets their exit codes (through sh and a fifo)',
    );
  return missing('tools', `a test tool ended with ${code ?? 'no code'}`, 'Report this: sh or mkfifo do not work here.');
}

async function checkSockets({ state, root }: Workspace): Promise<Check> {
  const folder = await socketFolder(state);
  const path = join(folder, `d.${nonce()}`);
  const problem = await listenProblem({ path });
  if (problem !== null) {
    const todo = await remedyOf(problem, root, 'Put the workspace on a disk of the system (APFS, ext4).');
    return missing('sockets', `${path}: ${reasonOf(problem)}`, todo);
  }
  return ok(
    'sockets',
    `can be created in ${folder}${folder === state ? '' : ', since the path of the workspace is too long'}`,
  );
}

async function checkDisk({ artifacts, config }: Workspace): Promise<Check> {
  const free = await freeBytes(await nearestFolder(artifacts));
  const reserve = config.disk_reserve_gb * 2 ** 30;
  if (free > reserve)
    return ok('disk', `${sizeText(free)} free; phasebox never uses the last ${sizeText(reserve)} of it`);
  const todo = 'Free some space, or lower disk_reserve_gb in phasebox.yaml: until then every stage waits.';
  return missing('disk', `${sizeText(free)} free, but ${sizeText(reserve)} must stay free`, todo);
}

/** Date of the release: an earlier clock is wrong. */
const releasedIn_ms = Date.UTC(2026, 0, 1);
const mostSkew_ms = 5000;

async function checkClock({ inbox }: Workspace): Promise<Check> {
  const now = Date.now();
  const said = new Date(now).toISOString();
  if (now < releasedIn_ms)
    return missing('clock', `it says ${said}`, 'Set the clock: delays and retries depend on it.');
  const skew = await writeAndRename(await nearestFolder(inbox));
  if (Math.abs(skew) <= mostSkew_ms) return ok('clock', said);
  const ahead = `${Math.round(Math.abs(skew) / 1000)} s ${skew > 0 ? 'ahead of' : 'behind'}`;
  return warn('clock', `the clock of ${inbox} is ${ahead} this machine's`, 'Set the clock of the file server.');
}

async function checkDashboard({ config }: Workspace, owner: number | null): Promise<Check> {
  const { host, port } = config.dashboard;
  const problem = port === 0 ? null : await listenProblem({ host, port });
  if (problem === null) {
    const where = port === 0 ? `any free port of ${host}` : `http://${host}:${port} is free`;
    return ok('dashboard', `${where}: \`phasebox up\` serves the dashboard there`);
  }
  if (owner !== null) return ok('dashboard', `port ${port} is in use, most likely by the running \`phasebox up\``);
  if (/EADDRINUSE/.test(problem.message))
    return ok('dashboard', `port ${port} is taken: \`phasebox up\` takes the next free one and prints it`);
  const todo = 'Correct dashboard.host and dashboard.port in phasebox.yaml, or `phasebox up --no-dashboard`.';
  return warn('dashboard', `${host}:${port}: ${problem.message}`, todo);
}
