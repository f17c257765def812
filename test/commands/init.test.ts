import { chmod, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { parse } from 'yaml';
import { init, initText, pythonWarning } from '../../src/commands/init.ts';
import { CommandError } from '../../src/core/errors.ts';
import { phase } from '../../src/events/phase.ts';
import { suite } from '../../src/events/suite.ts';
import { workspaceConfig } from '../../src/events/workspace.ts';
import { packageRoot } from '../../src/io/host/package-root.ts';
import { openWorkspace } from '../../src/io/workspace/workspace.ts';
import { testPython } from '../helpers/real-stage.ts';
import { tempDir } from '../helpers/temp.ts';

/** A program in a folder of its own. */
async function program(folder: string, name: string, text: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, name), text);
  await chmod(join(folder, name), 0o755);
  return join(folder, name);
}

/** A python that answers as facts.py does in one with mlx_lm. */
const withMlx = (version: string): string =>
  `#!/bin/sh\necho '${JSON.stringify({ versions: { python: '3.12.1', mlx_lm: version }, defaults: {} })}'\n`;
const withoutMlx = '#!/bin/sh\necho "mlx_lm is not installed" >&2\nexit 3\n';

/** The environment of someone who has nothing but the system's shell. */
async function bareEnv(changed: NodeJS.ProcessEnv = {}): Promise<NodeJS.ProcessEnv> {
  return { HOME: await tempDir('home'), PATH: await tempDir('bin'), ...changed };
}

describe('init', () => {
  it('makes a workspace that opens, with the Python that has mlx_lm', async () => {
    const root = join(await tempDir(), 'new', 'experiments');
    const initiated = await init(root, await bareEnv({ PHASEBOX_PYTHON: testPython }));
    expect((await readdir(root)).sort()).to.eql([
      ...['.gitignore', '.phasebox', 'artifacts', 'example.yaml', 'inbox', 'phasebox.yaml', 'suites'],
    ]);
    const workspace = await openWorkspace(root, 'read');
    expect(workspace.config).to.eql(workspaceConfig.parse({ python: testPython }));
    const version = initiated.search?.found?.versions.mlx_lm;
    expect(version).to.match(/^\d+\.\d+/);
    expect(await readFile(join(root, 'phasebox.yaml'), 'utf8')).to.contain(`# mlx_lm ${version}`);
    expect(await readFile(join(root, '.gitignore'), 'utf8')).to.match(/^\.phasebox\/$/m);
    const lines = (await readFile(join(root, '.gitignore'), 'utf8')).trimEnd().split('\n');
    expect(lines).to.eql(['.phasebox/', '/artifacts/*/']);
    expect(initText(initiated)).to.contain(`.gitignore excludes ${lines.join(', ')} from git.`);
    expect(initText(initiated)).to.contain('folders: inbox/, artifacts/, .phasebox/\n');
    expect(initText(initiated)).to.contain(root).and.to.contain('example.yaml').and.to.contain('phasebox up');
    expect(pythonWarning(initiated)).to.equal(null);
  });

  it('shows every setting with its default', async () => {
    const root = await tempDir();
    await init(root, await bareEnv());
    const text = await readFile(join(root, 'phasebox.yaml'), 'utf8');
    const [, ...lines] = text.split('\n');
    const { python, redis_url, notify, until, memory_gb, ...shown } = parse(
      lines.map((line) => line.replace(/^# /, '')).join('\n'),
    );
    expect([python, redis_url, notify, until, memory_gb]).not.to.include(undefined);
    expect(shown).to.eql(workspaceConfig.parse({}));
    expect(Object.keys(workspaceConfig.shape)).to.have.members([
      ...Object.keys(shown),
      ...['python', 'redis_url', 'notify', 'until', 'memory_gb'],
    ]);
  });

  it('makes an example that is valid, with the schema for editors and its suite', async () => {
    const root = await tempDir();
    await init(root, await bareEnv());
    const text = await readFile(join(root, 'example.yaml'), 'utf8');
    const schema = /^# yaml-language-server: \$schema=(\S+)$/.exec(text.split('\n')[0] ?? '')?.[1] ?? '';
    expect(fileURLToPath(schema)).to.equal(join(packageRoot().folder, 'schemas/phase.schema.json'));
    const config = phase.parse(parse(text));
    const { prompts } = suite.parse(parse(await readFile(join(root, config.eval?.suite ?? ''), 'utf8')));
    expect(prompts).to.have.length(27);
    expect(await readdir(join(root, 'inbox'))).to.eql([]);
  });

  it('touches nothing that is there', async () => {
    const root = await tempDir();
    const mine = { 'phasebox.yaml': 'inbox: drop\n', 'example.yaml': 'mine', '.gitignore': 'node_modules\n' };
    for (const [name, text] of Object.entries(mine)) await writeFile(join(root, name), text);
    const initiated = await init(root, await bareEnv());
    for (const [name, text] of Object.entries(mine)) expect(await readFile(join(root, name), 'utf8')).to.equal(text);
    expect(await readdir(root))
      .to.include('drop')
      .and.not.include('inbox');
    expect(initiated.kept).to.eql(['phasebox.yaml', 'example.yaml', '.gitignore']);
    expect(initiated.search).to.equal(null);
    expect(initText(initiated))
      .to.contain('existing files, not changed')
      .and.to.contain('add .phasebox/ to .gitignore');
    expect((await init(root, await bareEnv())).made).to.eql([]);
  });

  it('keeps the runs out of git where phasebox.yaml says that they are, and names no .gitignore of yours', async () => {
    const lines = async (artifacts: string): Promise<string[]> => {
      const root = await tempDir();
      await writeFile(join(root, 'phasebox.yaml'), `artifacts: ${artifacts}\n`);
      const initiated = await init(root, await bareEnv());
      expect(await readFile(join(root, '.gitignore'), 'utf8')).to.equal(`${initiated.ignored.join('\n')}\n`);
      const again = await init(root, await bareEnv());
      expect(initText(again)).to.not.contain('keeps out of git');
      return [...initiated.ignored];
    };
    expect(await lines('a b/out')).to.eql(['.phasebox/', '/a b/out/*/']);
    expect(await lines('"x[1]"')).to.eql(['.phasebox/', '/x\\[1\\]/*/']);
    expect(await lines(await tempDir('elsewhere'))).to.eql(['.phasebox/']);
  });

  it('makes nothing where phasebox.yaml is wrong', async () => {
    const root = await tempDir();
    await writeFile(join(root, 'phasebox.yaml'), 'stage_retries: many\n');
    const error = await init(root, await bareEnv()).catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(CommandError).with.property('exitCode', 2);
    expect(await readdir(root)).to.eql(['phasebox.yaml']);
  });

  it('says how to install mlx_lm when no Python has it', async function () {
    const env = await bareEnv();
    const python = await program(env.PATH ?? '', 'python3', withoutMlx);
    const root = await tempDir('no mlx');
    const initiated = await init(root, env);
    const without = initiated.search?.without ?? [];
    // On this machine one of the system's own places has it.
    if (initiated.search?.found) this.skip();
    expect(without[0]).to.equal(python);
    expect(pythonWarning(initiated))
      .to.contain(python)
      .and.to.match(/python3 -m venv \.venv && \.venv\/bin\/pip install .*mlx-lm/)
      .and.to.contain(`cd '${root}'`);
    expect((await openWorkspace(root, 'read')).config.python).to.equal(undefined);
  });

  it('prefers the .venv of the folder, then VIRTUAL_ENV, then the one that mlx_lm on PATH runs on, then PATH', async () => {
    const root = await tempDir();
    const env = await bareEnv();
    const bin = env.PATH ?? '';
    const found = async (more: NodeJS.ProcessEnv = {}): Promise<string | undefined> =>
      (await init(await inFresh(root), { ...env, ...more })).search?.found?.path;
    await program(bin, 'python3', withoutMlx);
    const plain = await program(bin, 'python', withMlx('0.30.0'));
    expect(await found()).to.equal(plain);
    // As pip writes it, and as it does where the path is too long for a first line.
    const tool = await program(join(await tempDir('env'), 'bin'), 'python3.12', withMlx('0.31.0'));
    await program(bin, 'mlx_lm', `#!${tool}\nimport mlx_lm\n`);
    expect(await found()).to.equal(tool);
    const venv = await tempDir('venv');
    const active = await program(join(venv, 'bin'), 'python', withMlx('0.32.0'));
    expect(await found({ VIRTUAL_ENV: venv })).to.equal(active);
    const fresh = await inFresh(root);
    await program(join(fresh, '.venv', 'bin'), 'python', withMlx('0.33.0'));
    await init(fresh, { ...env, VIRTUAL_ENV: venv });
    expect(await readFile(join(fresh, 'phasebox.yaml'), 'utf8')).to.match(
      /^python: \.venv\/bin\/python # mlx_lm 0\.33\.0/m,
    );
  });

  it('finds the Python next to a shell script that starts mlx_lm, through a link', async () => {
    const env = await bareEnv();
    const home = join(await tempDir('long'), 'bin');
    const python = await program(home, 'python', withMlx('0.32.2'));
    const script = await program(home, 'mlx_lm', '#!/bin/sh\n"exec" "/very/long/python" "$0" "$@"\n');
    await symlink(script, join(env.PATH ?? '', 'mlx_lm'));
    expect((await init(await tempDir(), env)).search?.found?.path).to.equal(python);
  });

  it('finds one in a common place, and quotes a path with blanks', async () => {
    const env = await bareEnv({ HOME: join(await tempDir(), 'a home') });
    const python = await program(join(env.HOME ?? '', '.venv', 'bin'), 'python', withMlx('0.32.2'));
    const root = await tempDir();
    await init(root, env);
    expect((await openWorkspace(root, 'read')).config.python).to.equal(python);
  });
});

let count = 0;
async function inFresh(root: string): Promise<string> {
  count += 1;
  await mkdir(join(root, String(count)));
  return join(root, String(count));
}
