import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { expect } from 'chai';
import { execa } from 'execa';
import { namesOf } from '../../src/commands/completion.ts';
import { commands } from '../../src/commands/index.ts';
import { completedProgram } from '../../src/commands/parts/completion-spec.ts';
import { stageNames } from '../../src/events/stages.ts';
import { which } from '../../src/io/host/which.ts';
import { logLevels } from '../../src/io/workspace/logger.ts';
import { builtCommand } from '../helpers/chain.ts';
import { everyCommand } from '../helpers/every-command.ts';
import { makeRun } from '../helpers/rows.ts';
import { makeWorkspace, shelveRun } from '../helpers/stored.ts';
import { tempDir } from '../helpers/temp.ts';

const fixtures = join(import.meta.dirname, '../fixtures/completion');
const runs = ['43a-s0', '43a-s0-q4', '43a-s1', 'my-s1-run-s0'];
const phases = ['43a', 'my-s1-run'];

/** Two phases, a variant, and folders that are no runs or phases. */
async function night() {
  const workspace = await makeWorkspace();
  for (const run of runs)
    await shelveRun(workspace, makeRun({ run, phase: run.startsWith('43a') ? '43a' : 'my-s1-run' }));
  const others = [
    'base/0f',
    'plots',
    '43a/.43a-s2.new',
    '43a/notes',
    '43a/43b-s0',
    '$(touch gone)',
    '.forgotten/43z/1/43z-s0',
  ];
  for (const name of others) await mkdir(join(workspace.artifacts, name), { recursive: true });
  return workspace;
}

const names = (of: Parameters<typeof namesOf>[1]) => async () => namesOf(await night(), of);

describe('phasebox completion', () => {
  let [root, bin] = ['', ''];

  before(async () => {
    root = (await night()).root;
    bin = await tempDir('bin');
    await symlink(await builtCommand(), join(bin, 'phasebox'));
  });

  const env = () => ({ PATH: [bin, process.env.PATH ?? ''].join(delimiter) });

  async function scriptOf(shell: string): Promise<string> {
    const file = join(bin, `script.${shell}`);
    const { stdout } = await execa('phasebox', ['completion', shell], { env: env() });
    await writeFile(file, `${stdout}\n`);
    return file;
  }

  /** What each shell offers for the last word of a line. */
  const shells: Readonly<Record<string, (script: string, line: string) => Promise<string[]>>> = {
    async bash(script, line) {
      // As readline splits it.
      const words = line.replaceAll('=', ' = ').split(/ +/);
      const { stdout } = await execa('bash', [join(fixtures, 'offer.bash'), script, ...words], {
        env: env(),
        cwd: root,
      });
      return stdout.split('\n');
    },
    async zsh(script, line) {
      const { stdout } = await execa('zsh', ['-f', join(fixtures, 'capture.zsh'), script, line], {
        env: env(),
        cwd: root,
      });
      return stdout.split('\n');
    },
    async fish(script, line) {
      const code = 'source $argv[1]; complete -C $argv[2]';
      const { stdout } = await execa('fish', ['--no-config', '-c', code, script, line], { env: env(), cwd: root });
      return stdout.split('\n').map((offered) => offered.replace(/\t.*/, ''));
    },
  };

  for (const [shell, offers] of Object.entries(shells))
    describe(`in ${shell}`, () => {
      let script = '';

      before(async function () {
        if ((await which([shell])) === null) {
          process.stdout.write(`      skipped: ${shell} is not installed\n`);
          this.skip();
        }
        script = await scriptOf(shell);
      });

      const offered = async (line: string): Promise<string[]> =>
        [...new Set(await offers(script, line))].filter((word) => word !== '').sort();

      it('completes every command', async () => {
        expect(await offered('phasebox ')).to.eql([...Object.keys(commands), 'help'].sort());
        expect(await offered('phasebox pr')).to.eql(['prioritize']);
      });

      it('completes options, and the words that an argument or option can be', async () => {
        expect(await offered('phasebox up --un')).to.include('--until');
        expect(await offered('phasebox gc --')).to.include.members(['--models', '--checkpoints', '--yes', '--help']);
        expect(await offered('phasebox --log-level ')).to.eql([...logLevels].sort());
        expect(await offered('phasebox retry 43a-s0 --stage ')).to.eql([...stageNames].sort());
        expect(await offered('phasebox logs -f 43a-s0 ')).to.eql([...stageNames].sort());
        expect(await offered('phasebox --log-level debug schema w')).to.eql(['workspace']);
      });

      it('completes names of runs, phases and variants of the workspace', async () => {
        expect(await offered('phasebox diff ')).to.eql(runs);
        expect(await offered('phasebox diff 43a-s0 43a-s')).to.eql(['43a-s0', '43a-s0-q4', '43a-s1']);
        expect(await offered('phasebox cancel my')).to.eql(['my-s1-run', 'my-s1-run-s0']);
        expect(await offered('phasebox forget ')).to.eql(phases);
        expect(await offered('phasebox compare 43a 43')).to.eql(['43a', '43a-q4']);
      });

      it('takes them from the workspace that the line names', async () => {
        const other = await makeWorkspace();
        await shelveRun(other, makeRun({ run: 'x-s0', phase: 'x' }));
        expect(await offered(`phasebox --workspace ${other.root} logs `)).to.eql(['x', 'x-s0']);
        expect(await offered(`phasebox --workspace=${other.root} logs `)).to.eql(['x', 'x-s0']);
        const none = await tempDir('none');
        expect(await offered(`phasebox --workspace ${none} logs x`)).to.eql([]);
      });
    });

  it('lists the names from the folders of a workspace, and only those that runs and phases can have', async () => {
    expect(await names('runs')()).to.eql(runs);
    expect(await names('phases')()).to.eql(phases);
    expect(await names('runs-and-phases')()).to.eql([...runs, ...phases].sort());
    expect(await names('phases-and-variants')()).to.eql(['43a', '43a-q4', 'my-s1-run']);
  });

  it('loads no queue for the names', async () => {
    const watch = join(bin, 'watch.mjs');
    const cjs = "createRequire(import.meta.url).cache ?? {}).filter((path) => path.includes('/ioredis/')";
    await writeFile(
      watch,
      `import { createRequire } from 'node:module';\nprocess.on('exit', () => console.error('redis files:', Object.keys(${cjs}).length));\n`,
    );
    const loaded = async (...args: string[]) => {
      const argv = ['--import', 'tsx', '--import', watch, 'src/cli.ts', '--workspace', root, ...args];
      const { stderr } = await execa(process.execPath, argv);
      return Number(/redis files: (\d+)/.exec(stderr)?.[1]);
    };
    expect(await loaded('completion', '--names', 'runs')).to.equal(0);
    expect(await loaded('completion', 'bash')).to.be.above(0);
  });

  it('knows what each argument of each command is', async () => {
    for (const { name, arguments: all } of completedProgram(await everyCommand()).commands)
      for (const one of all) expect(one.values.kind, `${name} <${one.name}>`).to.not.equal('anything');
  });

  it('names the shells that there are', async () => {
    for (const [args, message] of [
      [['completion', 'fsih'], /Did you mean fish\? Allowed: bash, zsh, fish/],
      [['completion'], /Give a shell: bash, zsh, fish/],
    ] as const) {
      const { exitCode, stderr } = await execa('phasebox', args, { env: env(), reject: false });
      expect(exitCode).to.equal(2);
      expect(stderr).to.match(message);
    }
  });
});
