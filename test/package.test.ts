import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { execa } from 'execa';
import { installedBroker } from '../src/io/broker/broker-binary.ts';
import { folderBytes } from '../src/io/host/disk-usage.ts';
import { writeNight } from './browser/written-night.ts';
import { testPython } from './helpers/real-stage.ts';
import { waitFor } from './helpers/temp.ts';

const repository = resolve(import.meta.dirname, '..');
const { version } = JSON.parse(await readFile(join(repository, 'package.json'), 'utf8'));

/** esbuild names each file before its code: `// node_modules/vega/build/vega.js`. */
const bundledFile = /^\s*(?:\/\/ |")[^"\s]*?(node_modules\/(?:[^"\s]*\/node_modules\/)?(?:@[^/\s]+\/)?[^/\s]+)\//gm;

/** Not of tempDir: it lives for all tests here. Its real path, as the command prints it. */
let folder = '';
let unpacked = '';
let workspace = '';
let warnings = '';

/** A user's environment: nothing of the repository in it but a broker, so that none is fetched. */
async function environment(): Promise<NodeJS.ProcessEnv> {
  const { PHASEBOX_PYTHON: _python, REDIS_URL: _url, NODE_OPTIONS: _tsx, ...env } = process.env;
  const broker = await installedBroker();
  const path = [...(broker === null ? [] : [dirname(broker)]), env.PATH ?? ''].join(delimiter);
  return { ...env, PATH: path, NO_COLOR: '1' };
}

/** `npx phasebox ...` where it was installed. */
async function phasebox(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const { exitCode, stdout, stderr } = await execa('npx', ['--no-install', 'phasebox', ...args], {
    ...{ cwd: folder, env: { ...(await environment()), ...env }, extendEnv: false, reject: false, timeout: 120_000 },
  });
  // npm itself has things to say about its own settings.
  const err = stderr.replaceAll(/^npm .*\n?/gm, '');
  return { code: exitCode, out: stdout, err };
}

async function filesBelow(root: string): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return files.map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1)).sort();
}

describe('the package', () => {
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'phasebox-package-'));
    // `prepack` builds.
    await execa('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: repository });
    const tarball = (await readdir(folder)).find((name) => name.endsWith('.tgz')) ?? '';
    // A parent folder with a node_modules of its own would be taken instead.
    const flags = [
      '--prefix',
      folder,
      '--ignore-scripts',
      '--prefer-offline',
      '--no-audit',
      '--no-fund',
      '--no-update-notifier',
    ];
    const { stderr } = await execa('npm', ['install', ...flags, join(folder, tarball)], { cwd: folder });
    warnings = stderr;
    unpacked = join(folder, 'node_modules/phasebox');
    workspace = join(folder, 'my experiments');
    const [own, all] = await Promise.all([folderBytes(unpacked), folderBytes(join(folder, 'node_modules'))]);
    const mb = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
    process.stdout.write(`    unpacked: ${mb(own)}, with all it depends on ${mb(all)}\n`);
  });

  after(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));

  it('holds the command and what it reads, and no more', async () => {
    const files = await filesBelow(unpacked);
    const meant =
      /^(?:dist|docs|python|schemas|examples|suites|templates)\/|^(?:package\.json|docker-compose\.yml|LICENSE|llms\.txt|[A-Z]+\.md)$/;
    expect(files.filter((file) => !meant.test(file))).to.eql([]);
    expect(files.filter((file) => /\.test\.|\.jsonl$|\.safetensors$|__pycache__|\.map$|\.tgz$/.test(file))).to.eql([]);
    expect(files).to.include.members([
      ...['dist/phasebox.js', 'dist/wrap.sh', 'dist/LICENSES.txt', 'schemas/phase.schema.json', 'suites/agent-27.yaml'],
      ...[
        'facts',
        'check_data',
        'fuse_direct',
        'serve',
        'download',
        'model_cost',
        'cost_weights',
        'cost_answers',
        'answer_loss',
        'train',
        'rehearse',
        'measure_blas',
      ].map((name) => `python/${name}.py`),
    ]);
  });

  it('lists every package that is bundled, with its licence', async () => {
    const dist = join(unpacked, 'dist');
    const bundled = new Set<string>();
    for (const file of (await filesBelow(dist)).filter((name) => name.endsWith('.js')))
      for (const [, folder = ''] of (await readFile(join(dist, file), 'utf8')).matchAll(bundledFile))
        bundled.add(folder);
    const licences = await readFile(join(dist, 'LICENSES.txt'), 'utf8');
    const withoutText: string[] = [];
    for (const folder of bundled) {
      const own = JSON.parse(await readFile(join(repository, folder, 'package.json'), 'utf8'));
      const [, licence, text] = licences.split(`\n${own.name} ${own.version} `)[1]?.match(/^\((.*)\)\n\n(.*)/) ?? [];
      expect(licence, folder).to.match(/^[A-Z0-9]/);
      expect(text, folder).to.match(/\w/);
      if (text === 'The package contains no licence text.') withoutText.push(own.name);
    }
    expect(withoutText.sort()).to.eql(['@bull-board/api', '@bull-board/hono', 'redis-info']);
    const { devDependencies } = JSON.parse(await readFile(join(repository, 'package.json'), 'utf8'));
    const shipped = Object.keys(devDependencies).filter((name) => bundled.has(`node_modules/${name}`));
    expect(shipped).to.eql(['ajv', 'jstat', 'markdown-it', 'vega', 'vega-lite']);
    const guide = await readFile(join(repository, 'CONTRIBUTING.md'), 'utf8');
    for (const name of shipped) expect(guide, name).to.contain(`\`${name}\``);
  });

  it('names no path of the machine that it was made on', async () => {
    const machine = [repository, `${homedir()}/`, testPython];
    for (const file of await filesBelow(unpacked)) {
      const text = await readFile(join(unpacked, file), 'utf8');
      expect(
        machine.filter((path) => text.includes(path)),
        file,
      ).to.eql([]);
    }
  });

  it('asks for no other engine than it says', () => {
    expect(warnings).not.to.match(/EBADENGINE/);
  });

  it('tells its version and its commands', async () => {
    expect(await phasebox(['--version'])).to.include({ code: 0, out: version });
    const help = await phasebox(['--help']);
    for (const name of ['init', 'doctor', 'schema', 'submit', 'up', 'status', 'export', 'serve'])
      expect(help.out).to.match(new RegExp(`^ {2}${name}\\b`, 'm'));
  });

  it('makes a workspace, and its example points at a schema that is there', async () => {
    const { code, out } = await phasebox(['init', workspace], { PHASEBOX_PYTHON: testPython });
    expect(code).to.equal(0);
    expect(out).to.contain('phasebox.yaml').and.to.contain(testPython);
    const text = await readFile(join(workspace, 'example.yaml'), 'utf8');
    const schema = await readFile(fileURLToPath(/\$schema=(\S+)/.exec(text)?.[1] ?? ''), 'utf8');
    expect(JSON.parse(schema).properties).to.include.keys('phase', 'model', 'train', 'eval');
    expect((await phasebox(['schema'])).out.trim()).to.equal(schema.trim());
  });

  it('is found in order by its own doctor', async () => {
    const { code, out } = await phasebox(['--workspace', workspace, 'doctor', '--json']);
    const { ok, checks } = JSON.parse(out);
    // How full the disk of this machine is, is not the package's.
    const missing = checks.filter((check: { status: string; name: string }) => check.status === 'missing');
    expect(missing.filter(({ name }: { name: string }) => name !== 'disk')).to.eql([]);
    expect(code).to.equal(ok ? 0 : 3);
  });

  it('is not at home where there is no workspace', async () => {
    const { code, err } = await phasebox(['--workspace', join(folder, 'node_modules'), 'status']);
    expect(code).to.equal(3);
    expect(err).to.contain('phasebox init');
  });

  it('has nothing to do in an empty workspace', async () => {
    const { code, out, err } = await phasebox(['--workspace', workspace, 'up', '--once', '--no-dashboard']);
    expect({ code, err }).to.eql({ code: 0, err: '' });
    expect(out).to.contain('watching');
  });

  it('draws plots and writes the report, with no package of its own for that', async () => {
    const artifacts = join(workspace, 'artifacts');
    await writeNight(artifacts, { title: '14B dense' });
    const { code, out, err } = await phasebox(['--workspace', workspace, 'report']);
    expect({ code, err }).to.eql({ code: 0, err: '' });
    expect(out.trim()).to.equal(join(artifacts, 'COMPARISON.md'));
    expect(await readdir(join(artifacts, 'plots'))).to.have.lengthOf(5);
    const report = await readFile(join(artifacts, 'report.html'), 'utf8');
    expect(report.match(/<svg /g)).to.have.lengthOf(5);
    for (const name of ['vega', 'vega-lite', 'markdown-it'])
      expect(await readdir(join(folder, 'node_modules')), 'installed').not.to.include(name);
    await rm(artifacts, { recursive: true });
    await mkdir(artifacts);
  });

  it('shows its dashboard, with its pages, and ends on a signal', async () => {
    const up = execa(join(folder, 'node_modules/.bin/phasebox'), ['--workspace', workspace, 'up'], {
      ...{ cwd: folder, env: await environment(), extendEnv: false, reject: false, all: true },
    });
    let told = '';
    up.all.on('data', (chunk: Buffer) => {
      told += chunk.toString();
    });
    try {
      const ended = up.then(({ all }) => Promise.reject(new Error(`up ended: ${all}`)));
      const url = await Promise.race([waitFor('the dashboard', () => /http:\S+/.exec(told)?.[0], 60_000), ended]);
      const page = await (await fetch(url)).text();
      const script = /src="([^"]+\.js)"/.exec(page)?.[1] ?? '';
      expect(page).to.contain('phasebox');
      expect((await fetch(new URL(script, url))).status).to.equal(200);
    } finally {
      up.kill('SIGTERM');
    }
    expect((await up).exitCode).to.equal(0);
  });
});
