// `npm run demo`: A and B of demo/ trained, fused, quantized, evaluated and compared for real, in .demo/.
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';

const repository = join(import.meta.dirname, '..');
const workspace = join(repository, '.demo');
const command = join(repository, 'dist/phasebox.js');
const env = {
  ...process.env,
  // mlx on Linux would compile its kernels first, which takes longer than the training of the demo.
  ...(process.platform === 'linux' ? { MLX_DISABLE_COMPILE: '1' } : {}),
};
// The demo depends only on its files, and not on the settings of the caller's own workspace.
delete env.REDIS_URL;
delete env.PHASEBOX_PYTHON;

refuseWhileItRuns();
prepare();
const submitted = await phasebox('submit', 'demo/A.yaml', 'demo/B.yaml');
const code = submitted === 0 ? await phasebox('up', '--once') : submitted;
showReport();
process.exitCode = code;

function refuseWhileItRuns() {
  if (!existsSync(join(workspace, '.phasebox'))) return;
  const { status, stdout } = spawnSync(process.execPath, [command, 'status', '--json'], {
    cwd: workspace,
    env,
    encoding: 'utf8',
  });
  if (status !== 0 || !JSON.parse(stdout).up) return;
  process.stderr.write(
    'demo: another `phasebox up` is running in .demo/. Stop it first: press Ctrl-C in its terminal.\n',
  );
  process.exit(3);
}

function prepare() {
  const verb = existsSync(workspace) ? 'emptying and filling' : 'creating';
  process.stdout.write(`demo: ${verb} .demo/ (the inbox/ and artifacts/ folders of this repository are not changed)\n`);
  rmSync(workspace, { recursive: true, force: true });
  mkdirSync(workspace);
  cpSync(join(repository, 'demo'), join(workspace, 'demo'), { recursive: true });
  const settings = { python: join(repository, '.venv/bin/python'), disk_reserve_gb: 1 };
  // JSON values are YAML values, and a path may contain what YAML reads as something else.
  const lines = Object.entries(settings).map(([name, value]) => `${name}: ${JSON.stringify(value)}\n`);
  writeFileSync(join(workspace, 'phasebox.yaml'), lines.join(''));
}

/** Runs the command in .demo/, on this terminal, and returns its exit code. */
function phasebox(...args) {
  process.stdout.write(`\n$ phasebox ${args.join(' ')}\n`);
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [command, ...args], { cwd: workspace, env, stdio: 'inherit' });
    // Ctrl-C reaches the command too. It ends in order, and this script waits for it.
    const wait = () => undefined;
    process.on('SIGINT', wait);
    child.on('error', reject);
    child.on('close', (status) => {
      process.off('SIGINT', wait);
      resolve(status ?? 130);
    });
  });
}

function showReport() {
  const page = join(workspace, 'artifacts/COMPARISON.md');
  if (!existsSync(page)) return;
  const [head = '', ...sections] = readFileSync(page, 'utf8').split(/^(?=## )/m);
  process.stdout.write(`\n${head.replace(/^<!--.*-->\n/m, '').trim()}\n`);
  // The other sections (warnings, time and disk, answers) are too wide for a terminal.
  for (const section of sections)
    if (/^## (?:Phases|Runs)\n/.test(section)) process.stdout.write(`\n${tableOf(section)}\n`);
  process.stdout.write(`\nFull report: ${relative(process.cwd(), page)}\n`);
}

/** Heading and table of a section, without folded parts and pictures. */
function tableOf(section) {
  const [heading, ...lines] = section.split('\n');
  const table = lines.slice(lines.findIndex((line) => line.startsWith('|')));
  const end = table.findIndex((line) => !line.startsWith('|'));
  return [heading, '', ...table.slice(0, end)].join('\n');
}
