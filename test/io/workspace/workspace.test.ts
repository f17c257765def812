import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { CommandError } from '../../../src/core/errors.ts';
import { workspaceConfig } from '../../../src/events/workspace.ts';
import { findPython } from '../../../src/io/model/pythons.ts';
import { openWorkspace } from '../../../src/io/workspace/workspace.ts';
import { tempDir } from '../../helpers/temp.ts';

describe('io/workspace', () => {
  const given = { PHASEBOX_PYTHON: process.env.PHASEBOX_PYTHON, REDIS_URL: process.env.REDIS_URL };
  before(() => {
    for (const name of Object.keys(given)) delete process.env[name];
  });
  after(() => {
    for (const [name, value] of Object.entries(given)) if (value !== undefined) process.env[name] = value;
  });

  async function folderWith(text: string): Promise<string> {
    const root = await tempDir('workspace');
    await mkdir(join(root, '.phasebox'));
    await writeFile(join(root, 'phasebox.yaml'), text);
    return root;
  }

  async function refusal(text: string): Promise<string> {
    const root = await folderWith(text);
    try {
      await openWorkspace(root, 'read');
    } catch (error) {
      if (error instanceof CommandError && error.exitCode === 2) return error.message.replaceAll(root, 'WS');
      throw error;
    }
    throw new Error('it was taken');
  }

  it('makes inbox and artifacts for the commands that create, and for no other', async () => {
    const root = await folderWith('');
    await openWorkspace(root, 'read');
    expect((await readdir(root)).sort()).to.eql(['.phasebox', 'phasebox.yaml']);
    await openWorkspace(root, 'create');
    expect((await readdir(root)).sort()).to.eql(['.phasebox', 'artifacts', 'inbox', 'phasebox.yaml']);
  });

  it('is a folder with phasebox.yaml or .phasebox/; any other is refused, untouched, and one further up is named', async () => {
    const root = await folderWith('');
    const below = join(root, 'artifacts/deep er');
    await mkdir(below, { recursive: true });
    for (const access of ['read', 'write'] as const) {
      const refused: unknown = await openWorkspace(below, access).catch((error: unknown) => error);
      expect(refused).to.be.instanceOf(CommandError).and.to.include({ exitCode: 3 });
      expect(String(refused)).to.contain(`but ${root} is one. Run the command there`);
    }
    expect(await readdir(below)).to.eql([]);
    const alone = await tempDir('no workspace');
    const refused: unknown = await openWorkspace(alone, 'write').catch((error: unknown) => error);
    expect(String(refused)).to.contain('Make it one with `phasebox init`');
    expect(await readdir(alone)).to.eql([]);
    await writeFile(join(alone, 'phasebox.yaml'), '');
    await openWorkspace(alone, 'read');
    expect(await readdir(alone)).to.eql(['phasebox.yaml']);
    await openWorkspace(alone, 'write');
    expect((await readdir(alone)).sort()).to.eql(['.phasebox', 'artifacts', 'inbox', 'phasebox.yaml']);
  });

  it('takes in_flight: 1, a key of earlier versions, with a notice, and refuses more with the reason', async () => {
    const { warnings } = await openWorkspace(await folderWith('in_flight: 1\n'), 'read');
    expect(warnings).to.eql(['in_flight: one run is started at a time, so this key may be deleted']);
    expect(await refusal('stage_retries: 1\nin_flight: 2\n'))
      .to.contain('WS/phasebox.yaml:2: in_flight: one run is started at a time')
      .and.contain('delete this key\n    seen: 2');
  });

  it('tells all that is wrong with phasebox.yaml at once: line, what was seen, what is allowed and meant', async () => {
    expect(await refusal('stage_retries: -1\ninbx: drop\ndashboard:\n  host: 1\n  prt: 3100\n')).to.equal(
      `WS/phasebox.yaml is not accepted: 4 problems.

WS/phasebox.yaml:1: stage_retries: allowed: at least 0
    seen: -1

WS/phasebox.yaml:2: inbx: unknown key; did you mean "inbox"? Allowed here: python, inbox, artifacts, redis_url, dashboard, disk_reserve_gb, memory_gb, until, rehearsal, stage_retries, retry_pause_s, stall_minutes, notify

WS/phasebox.yaml:4: dashboard.host: text is expected
    seen: 1
    text that looks like something else needs quotes: "1"

WS/phasebox.yaml:5: dashboard.prt: unknown key; did you mean "port"? Allowed here: host, port`,
    );
  });

  it('takes ~ for the home folder, makes no folder of that name and tells of one that an earlier version made', async () => {
    const before = process.env.HOME;
    const home = await tempDir('home');
    const root = await folderWith('inbox: ~/phin\nartifacts: ~/phart\npython: ~/v/bin/python\n');
    await mkdir(join(home, 'v/bin'), { recursive: true });
    await symlink(process.execPath, join(home, 'v/bin/python'));
    try {
      process.env.HOME = home;
      const workspace = await openWorkspace(root, 'create');
      expect(workspace).to.include({ inbox: join(home, 'phin'), artifacts: join(home, 'phart') });
      expect(workspace.warnings).to.deep.equal([]);
      expect((await readdir(root)).sort()).to.eql(['.phasebox', 'phasebox.yaml']);
      expect((await readdir(home)).sort()).to.eql(['phart', 'phin', 'v']);
      expect(await findPython(workspace)).to.equal(join(home, 'v/bin/python'));
      expect(await findPython({ root, config: { ...workspace.config, python: '~/v/bin/python' } })).to.equal(
        join(home, 'v/bin/python'),
      );
      await mkdir(join(root, '~/phart'), { recursive: true });
      const { warnings } = await openWorkspace(root, 'read');
      expect(warnings).to.have.length(1);
      expect(warnings?.[0])
        .to.contain(`artifacts: ~/phart means ${join(home, 'phart')}.`)
        .and.contain(join(root, '~/phart'));
    } finally {
      process.env.HOME = before;
    }
  });

  it('warns of ~ alone, which YAML reads as null: the default applies', async () => {
    const root = await folderWith('inbox: ~\nartifacts: null\npython: ~\nredis_url: ~\ndashboard: null\n');
    const { inbox, warnings } = await openWorkspace(root, 'create');
    expect(inbox).to.equal(join(root, 'inbox'));
    expect(warnings?.map((text) => text.replace(/ alone is null in YAML, .*; write "~" in quotes .*/, ''))).to.eql([
      'line 1: inbox: ~',
      'line 3: python: ~',
    ]);
  });

  it("refuses another user's home folder in each key that is a path or a command", async () => {
    const text = 'python: ~bob/python\ninbox: ~bob\nartifacts: ~bob/a\nnotify: [~bob/ring, x]\n';
    const refused = await refusal(text);
    for (const place of ['1: python', '2: inbox', '3: artifacts', '4: notify[0]'])
      expect(refused).to.contain(`phasebox.yaml:${place}: the home folder of another user (~name) is not looked up`);
    expect(await refusal('notify: [sh, ~bob/ring.sh]\n')).to.contain('notify[1]');
    await openWorkspace(await folderWith("notify: [grep, '~5', ~/x]\n"), 'read');
  });

  it('refuses a notify whose command has no name, and takes an empty word after it', async () => {
    expect(await refusal('notify: [""]\n'))
      .to.contain('phasebox.yaml:1: notify')
      .and.contain('its first word is empty');
    const { config } = await openWorkspace(await folderWith('notify: [curl, ""]\n'), 'read');
    expect(config.notify).to.deep.equal(['curl', '']);
  });

  it('takes notify as a mapping, and says what is wrong with one without its addresses', async () => {
    const { config } = await openWorkspace(await folderWith('notify: { ntfy: "https://ntfy.sh/x" }\n'), 'read');
    expect(config.notify).to.deep.equal({
      ...{ desktop: false, ntfy: 'https://ntfy.sh/x' },
      events: ['failed', 'held', 'stalled', 'waiting_for_disk', 'night_done'],
    });
    const text = 'notify:\n  webhook: hooks.example.org/s3cret\n  ntfi: https://x/s3cret\n  events: [rows]\n';
    const refused = await refusal(text);
    expect(refused)
      .to.contain('phasebox.yaml:2: notify.webhook: allowed: an address that begins with http')
      .and.contain('phasebox.yaml:3: notify.ntfi: unknown key; did you mean "ntfy"?')
      .and.contain('phasebox.yaml:4: notify.events[0]');
    expect(refused).not.to.contain('s3cret');
    expect(await refusal('notify: { events: [row] }\n')).to.contain('it needs run, desktop: true, ntfy or webhook');
    expect(await refusal('notify: { run: [""] }\n')).to.contain('its first word is empty');
    expect(await refusal('notify: { run: [~bob/ring] }\n')).to.contain('notify.run[0]');
  });

  it('warns of a key that is left empty, and refuses one that it does not know, whatever its value', async () => {
    const root = await folderWith('stage_retries:\nnotify: null\ndashboard: { port: }\n');
    const { config, warnings } = await openWorkspace(root, 'create');
    expect(config).to.deep.include({ stage_retries: 3, dashboard: { host: '127.0.0.1', port: 3100 } });
    expect(warnings).to.eql([
      'line 1: stage_retries is empty, so its default applies; write a value, or null if that is intended',
      'line 3: dashboard.port is empty, so its default applies; write a value, or null if that is intended',
    ]);
    const reasons = await refusal('pyton:\ndashboard: {port:3200}\ndisk_reserve_gb: 1,5\nretries: ~\n');
    expect(reasons).to.match(/:1: pyton: unknown key; did you mean "python"\?/);
    expect(reasons).to.match(/:2: dashboard\.port:3200: unknown key\n {4}write a space after the colon: `port: 3200`/);
    expect(reasons).to.match(/:3: disk_reserve_gb: .*\n.*\n {4}a number has no comma: write 1\.5/);
    expect(reasons).to.match(/:4: retries: unknown key/);
  });

  it('tells where it is no YAML, and what else it holds', async () => {
    expect(await refusal('inbox: a\ninbox: b\n')).to.contain('phasebox.yaml:2: the key inbox occurs twice');
    expect(await refusal('a: [1\n'))
      .to.contain('phasebox.yaml:')
      .and.contain('not valid YAML');
    expect(await refusal('just words\n')).to.contain('the file is not a mapping');
  });

  it('takes a file that is empty or comments alone as all defaults, and what is set next to them', async () => {
    for (const text of ['', '# inbox: drop\n\n  # more\n']) {
      const { config } = await openWorkspace(await folderWith(text), 'read');
      expect(config).to.deep.equal(workspaceConfig.parse({}));
    }
    const { config } = await openWorkspace(await folderWith('dashboard: { port: 0 }\n'), 'read');
    expect(config.dashboard).to.deep.equal({ host: '127.0.0.1', port: 0 });
  });
});
