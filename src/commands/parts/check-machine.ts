import { isAtLeast, oldestNode } from '../../core/version.ts';
import { keepsAwake } from '../../io/host/keep-awake.ts';
import { commandLine, groupMembers } from '../../io/host/process-facts.ts';
import { which } from '../../io/host/which.ts';
import { awakeText } from './awake-text.ts';
import { type Check, checked, missing, ok, warn } from './checks.ts';

/** The facts that the checks of the machine use: those of this process, except in tests. */
export type Machine = Pick<NodeJS.Process, 'platform' | 'arch' | 'version' | 'env'>;

/** Node, the system, `ps`, and what only one of the systems has. */
export async function checkMachine(machine: Machine): Promise<Check[]> {
  const checks = await Promise.all([
    checked('node', null, async () => checkNode(machine)),
    checked('system', null, async () => checkSystem(machine)),
    checked('ps', null, checkPs),
    checked('caffeinate', null, () => checkCaffeinate(machine)),
    checked('mlx on cpu', null, () => checkCompiler(machine)),
  ]);
  return checks.flat();
}

function checkNode({ version }: Machine): Check {
  const node = version.replace(/^v/, '');
  if (isAtLeast(node, oldestNode)) return ok('node', node);
  const todo = `Install Node ${oldestNode.join('.')} or newer (macOS: brew install node).`;
  return missing('node', `${node} is too old`, todo);
}

function checkSystem({ platform, arch }: Machine): Check {
  const seen = `${platform} ${arch}`;
  if (platform === 'darwin') {
    if (arch === 'arm64') return ok('system', 'macOS on Apple silicon');
    return missing('system', `${seen}: MLX needs Apple silicon`, 'On an M-series Mac install the arm64 Node.');
  }
  if (platform === 'linux') return ok('system', `${seen}: mlx runs on the CPU or on CUDA`);
  const what = platform === 'win32' ? 'Windows is not supported' : `${seen} is not supported`;
  return missing('system', what, 'Use macOS or Linux.');
}

/** The process table shows which process a signal would reach. The check searches it for this process. */
async function checkPs(): Promise<Check> {
  const line = await commandLine(process.pid);
  await groupMembers(process.pid);
  if (line !== null) return ok('ps', 'the process table can be read');
  return missing('ps', 'this process is not in the process table', 'Is /proc mounted, or ps allowed here?');
}

async function checkCaffeinate({ platform }: Machine): Promise<Check[]> {
  const how = await keepsAwake(platform);
  if (how === 'no') return [];
  if (how === 'caffeinate') return [ok('caffeinate', awakeText[how])];
  return [warn('caffeinate', awakeText[how], 'Turn off sleep in the system settings for the night.')];
}

/** With a compiler on PATH, mlx first builds CPU kernels: a minute per model, where the work takes seconds. */
async function checkCompiler({ platform, env }: Machine): Promise<Check[]> {
  if (platform !== 'linux' || env.MLX_DISABLE_COMPILE) return [];
  if ((await which(['g++'], env)) === null) return [];
  const todo = 'For small models on a CPU: env: { MLX_DISABLE_COMPILE: "1" } in the config. With CUDA: nothing to do.';
  return [warn('mlx on cpu', 'g++ is on PATH: mlx compiles its kernels for each new model first', todo)];
}
