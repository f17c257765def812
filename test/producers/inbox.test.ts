import { execFile } from 'node:child_process';
import { chmod, mkdir, open, readdir, readFile, rename, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { shownName } from '../../src/core/printable.ts';
import type { Workspace } from '../../src/io/workspace/workspace.ts';
import { acceptConfig } from '../../src/producers/accept.ts';
import { keepTogether } from '../../src/producers/kept-files.ts';
import { leftNames } from '../helpers/left-names.ts';
import { waitFor } from '../helpers/temp.ts';
import { acceptInto, closeInboxes, freshWorkspace, namesIn, openInboxOf } from './setting.ts';

const config = (phase: string, rest = ''): string => `phase: "${phase}"\ntrain: { iters: 800 }\n${rest}`;

const modeOf = async (path: string): Promise<number> => (await stat(path)).mode & 0o777;

describe('producers/inbox', () => {
  let workspace: Workspace;
  const inInbox = (name: string): string => join(workspace.inbox, name);

  beforeEach(async () => {
    workspace = await freshWorkspace();
  });
  afterEach(closeInboxes);

  it('takes a file that is there at the start and one that comes later', async () => {
    await writeFile(inInbox('a.yaml'), config('a'));
    const inbox = openInboxOf(workspace);
    await inbox.settled();
    expect(inbox.runs).to.deep.equal(['a-s0']);
    await writeFile(inInbox('b.yaml'), config('b'));
    await waitFor('b', () => inbox.runs.length === 2);
    await inbox.settled();
    expect(await inbox.names('accepted')).to.deep.equal(['a.yaml', 'b.yaml']);
    expect(await inbox.names()).to.deep.equal([]);
    expect(await inbox.isEmpty()).to.equal(true);
  });

  it('leaves the secrets of env to their owner, in every file that holds them, and says none', async () => {
    const env = 'env: { HF_TOKEN: hf_abcdefghijkl }\n';
    const bytes = Buffer.from(config('a', env));
    await writeFile(inInbox('open.yaml'), config('open'));
    await mkdir(inInbox('.claimed'));
    const [kept] = await keepTogether(inInbox('.claimed'), [{ name: 'a.yaml', bytes }]);
    expect(await modeOf(kept!.path)).to.equal(0o600);
    const inbox = openInboxOf(workspace);
    await inbox.settled();
    await writeFile(inInbox('b.yaml'), config('a', env.replace('kl', 'kl2')));
    await writeFile(inInbox('torn.yaml'), `${config('c', env)}  - [`);
    await waitFor('the others', async () => (await inbox.names('rejected')).length === 4);
    for (const name of ['accepted/a.yaml', 'rejected/b.yaml', 'rejected/torn.yaml'])
      expect(await modeOf(inInbox(name)), name).to.equal(0o600);
    expect(await modeOf(inInbox('accepted/open.yaml'))).to.equal(0o666 & ~process.umask());
    expect(await inbox.reasons('b.yaml')).to.match(/env\.HF_TOKEN: "\[redacted\]" -> "\[redacted\]"/);
    for (const name of ['a/phase.json', 'a/a-s0/run.json'])
      expect(await modeOf(join(workspace.artifacts, name)), name).to.equal(0o600);
    const others = [await readFile(join(workspace.state, 'journal.jsonl'), 'utf8'), ...inbox.log];
    expect(others.join('\n')).not.to.contain('hf_');
  });

  it('works without file events', async () => {
    const inbox = openInboxOf(workspace, { events: false, scanEvery: 50 });
    await inbox.settled();
    await writeFile(inInbox('a.yaml'), config('a'));
    await waitFor('a', () => inbox.runs.includes('a-s0'));
    await waitFor('the file moved', async () => (await inbox.names('accepted')).length === 1);
  });

  it('never takes half of a file that is written slowly', async () => {
    const inbox = openInboxOf(workspace);
    const whole = config('slow', `seeds: [${Array.from({ length: 40 }, (_, seed) => seed).join(', ')}]\n`);
    const file = await open(inInbox('slow.yaml'), 'w');
    const step = Math.ceil(whole.length / 10);
    for (let at = 0; at < whole.length; at += step) {
      await file.write(whole.slice(at, at + step));
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
    await file.close();
    await waitFor('an outcome', () => inbox.outcomes.length > 0);
    expect(inbox.outcomes.map(({ kind }) => kind)).to.deep.equal(['accepted']);
    expect(inbox.runs).to.have.length(40);
  });

  it('waits for a writer of one byte every 100 ms, though each cut of the file would parse', async () => {
    const inbox = openInboxOf(workspace);
    const file = await open(inInbox('drip.yaml'), 'w');
    await file.write('phase: drip\nseeds: ');
    for (const digit of '[1,2,3,4,5]') {
      await file.write(digit);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await file.close();
    await waitFor('an outcome', () => inbox.outcomes.length > 0);
    expect(inbox.runs).to.deep.equal([1, 2, 3, 4, 5].map((seed) => `drip-s${seed}`));
  });

  it('takes the second text of a file that is truncated and written again', async () => {
    const inbox = openInboxOf(workspace);
    const file = await open(inInbox('twice.yaml'), 'w');
    await file.write(config('first'));
    await new Promise((resolve) => setTimeout(resolve, 120));
    await file.truncate(0);
    await new Promise((resolve) => setTimeout(resolve, 120));
    await file.write(config('second'), 0);
    await file.close();
    await inbox.settled();
    expect(inbox.runs).to.deep.equal(['second-s0']);
  });

  it('sees through a rewrite that keeps size and mtime', async () => {
    const inbox = openInboxOf(workspace, { events: false, scanEvery: 20 });
    const path = inInbox('same.yaml');
    const time = new Date('2026-01-01T00:00:00Z');
    await writeFile(path, config('aaa'));
    await utimes(path, time, time);
    await waitFor('first look', async () => (await journal()).includes('"seen"'));
    const file = await open(path, 'r+');
    await file.write(config('bbb'), 0);
    await file.utimes(time, time);
    await file.close();
    await inbox.settled();
    expect(inbox.runs).to.deep.equal(['bbb-s0']);
  });

  it('follows an editor that saves by rename and leaves its own files alone', async () => {
    const inbox = openInboxOf(workspace);
    for (const name of ['x.yaml~', '.x.yaml.swp', 'x.yaml.swp', '#x.yaml#', '.#x.yaml', '4913', '.DS_Store'])
      await writeFile(inInbox(name), 'no config');
    await writeFile(inInbox('x.yaml'), config('before'));
    await writeFile(inInbox('.x.new'), config('after'));
    await rename(inInbox('.x.new'), inInbox('x.yaml'));
    await inbox.settled();
    expect(inbox.runs).to.deep.equal(['after-s0']);
    expect(await namesIn(workspace.inbox)).to.deep.equal(['#x.yaml#', '4913', 'x.yaml.swp', 'x.yaml~']);
    await waitFor('the scan of the last event', () => inbox.isEmpty());
  });

  it('leaves what is no config by its name where it is, names it once and takes it when it is renamed', async () => {
    const left = (process.platform === 'darwin' ? leftNames.filter((name) => !name.includes('\xe9')) : leftNames).map(
      (name) => Buffer.from(name, 'latin1'), // APFS takes no name that is not UTF-8
    );
    for (const name of left) await writeFile(Buffer.concat([Buffer.from(`${workspace.inbox}/`), name]), config('half'));
    await mkdir(inInbox('later.yaml.download'));
    const inbox = openInboxOf(workspace, { scanEvery: 20 });
    await inbox.settled();
    await inbox.settled();
    await waitFor('the end of a scan', () => inbox.isEmpty());
    expect(inbox.outcomes).to.deep.equal([]);
    const told = inbox.log.join('\n');
    const named = [...told.matchAll(/^ignored in the inbox: .*?: (.*)\. [A-Z]/gm)].flatMap(([, names]) =>
      names?.split(', '),
    );
    expect(named.toSorted()).to.deep.equal(left.map(shownName).toSorted());
    expect(told).to.match(/not downloaded yet from iCloud: \.night\.yaml\.icloud/);
    expect(told).to.contain('later.yaml.download is a folder');
    await rename(inInbox('half.yaml.part'), inInbox('half.yaml'));
    await rename(inInbox('half.yml.crdownload'), inInbox('half2.YML'));
    await waitFor('both are taken', () => inbox.outcomes.length === 2);
    await inbox.settled();
    expect(await inbox.names('accepted')).to.deep.equal(['half.yaml', 'half2.YML']);
    expect(await inbox.names('rejected')).to.deep.equal([]);
    expect(inbox.log.join('\n').split('ignored in the inbox').length).to.equal(
      told.split('ignored in the inbox').length,
    );
    expect((await readdir(workspace.inbox, { encoding: 'buffer' })).length).to.equal(left.length + 2);
  });

  it('finishes what an earlier version took under any name', async () => {
    await mkdir(inInbox('.claimed'));
    await writeFile(join(inInbox('.claimed'), '43a'), config('claimed'));
    const inbox = openInboxOf(workspace);
    await inbox.settled();
    expect(inbox.runs).to.deep.equal(['claimed-s0']);
    expect(await inbox.names('accepted')).to.deep.equal(['43a']);
  });

  it('keeps both files of one name, and says what is known', async () => {
    const inbox = openInboxOf(workspace);
    await writeFile(inInbox('a.yaml'), config('a'));
    await inbox.settled();
    await writeFile(inInbox('a.yaml'), `# formatted anew\n${config('a')}`);
    await inbox.settled();
    expect(await inbox.names('accepted')).to.deep.equal(['a.2.yaml', 'a.yaml']);
    expect(inbox.runs).to.deep.equal(['a-s0']);
    expect(inbox.log.join('\n')).to.contain('Already known: a-s0 (waiting)');
    await mkdir(join(workspace.artifacts, 'a/a-s0/1-train'));
    await writeFile(inInbox('a.yaml'), config('a').replace('800', '900'));
    await inbox.settled();
    expect(await inbox.reasons('a.yaml')).to.contain('train.iters: 800 -> 900');
  });

  it('does not mind a file that vanishes', async () => {
    const inbox = openInboxOf(workspace);
    await writeFile(inInbox('gone.yaml'), config('gone'));
    await waitFor('seen', async () => (await journal()).includes('gone.yaml'));
    await rm(inInbox('gone.yaml'));
    await writeFile(inInbox('here.yaml'), config('here'));
    await inbox.settled();
    expect(inbox.outcomes.map(({ file }) => file)).to.deep.equal(['here.yaml']);
  });

  it('reads a good link, copies it to accepted/ and never touches its target', async () => {
    const target = join(workspace.root, 'mine.yaml');
    await writeFile(target, config('linked'));
    await symlink('../mine.yaml', inInbox('link.yaml'));
    const inbox = openInboxOf(workspace);
    await inbox.settled();
    expect(inbox.runs).to.deep.equal(['linked-s0']);
    expect(await readFile(join(workspace.inbox, 'accepted', 'link.yaml'), 'utf8')).to.equal(config('linked'));
    expect(await inbox.names()).to.deep.equal([]);
    expect(await readFile(target, 'utf8')).to.equal(config('linked'));
  });

  it('moves broken links, pipes and links to folders to rejected/ without opening them; folders stay', async () => {
    await symlink('nowhere.yaml', inInbox('broken.yaml'));
    await symlink('..', inInbox('folder-link.yaml'));
    await mkdir(inInbox('folder'));
    await promisify(execFile)('mkfifo', [inInbox('pipe.yaml')]);
    await writeFile(inInbox('z.yaml'), config('z'));
    const inbox = openInboxOf(workspace);
    await inbox.settled();
    expect(inbox.runs).to.deep.equal(['z-s0']);
    expect(await inbox.reasons('broken.yaml')).to.contain('a link to nothing');
    expect(await inbox.reasons('folder-link.yaml')).to.contain('a link to a folder');
    expect(await inbox.reasons('pipe.yaml')).to.contain('a named pipe');
    expect(await inbox.names()).to.deep.equal(['folder']);
    await inbox.settled();
    expect(inbox.log.filter((line) => line.includes('is a folder'))).to.have.length(1);
  });

  it('refuses a file that may not be read', async function () {
    if (process.getuid?.() === 0) this.skip();
    await writeFile(inInbox('secret.yaml'), config('secret'));
    await chmod(inInbox('secret.yaml'), 0);
    const inbox = openInboxOf(workspace);
    await inbox.settled();
    expect(await inbox.reasons('secret.yaml')).to.contain('EACCES');
  });

  it('refuses an empty file once it is empty for 5 s, and what is no config', async () => {
    await writeFile(inInbox('empty.yaml'), '');
    await writeFile(inInbox('bad.yaml'), 'phase: [1\n');
    const inbox = openInboxOf(workspace);
    await writeFile(inInbox('good.yaml'), config('good'));
    await waitFor('the good one', () => inbox.runs.includes('good-s0'));
    expect(await inbox.names()).to.include('empty.yaml');
    await inbox.settled();
    expect(await inbox.reasons('empty.yaml')).to.contain('empty');
    expect(await inbox.reasons('bad.yaml')).to.contain('phase is missing');
  });

  it('takes 200 files dropped at once, each once, in the order of their names', async () => {
    const inbox = openInboxOf(workspace);
    const names = Array.from({ length: 200 }, (_, index) => `p${String(index).padStart(3, '0')}`);
    await Promise.all(names.toReversed().map((name) => writeFile(inInbox(`${name}.yaml`), config(name))));
    await waitFor('all', () => inbox.outcomes.length === 200);
    expect(inbox.runs).to.deep.equal(names.map((name) => `${name}-s0`));
    await inbox.settled();
    expect(await inbox.names()).to.deep.equal([]);
    expect(await inbox.names('.claimed')).to.deep.equal([]);
  });

  it('takes a claimed file first, also a link whose copy was made', async () => {
    const claimed = inInbox('.claimed');
    await mkdir(claimed);
    await writeFile(join(claimed, 'z.yaml'), config('z'));
    await symlink('../../gone.yaml', join(claimed, 'link.yaml'));
    await writeFile(join(claimed, '.link.yaml.copy'), config('linked'));
    await writeFile(join(claimed, '.never.yaml.copy'), config('never'));
    await writeFile(inInbox('a.yaml'), config('a'));
    const inbox = openInboxOf(workspace);
    await inbox.settled();
    expect(inbox.runs).to.deep.equal(['linked-s0', 'z-s0', 'a-s0']);
    expect(await namesIn(claimed)).to.deep.equal([]);
  });

  it('tells in the journal what became of each file, and cuts a line that a crash tore', async () => {
    await writeFile(join(workspace.state, 'journal.jsonl'), '{"event":"seen"}\n{"event":"cl');
    const inbox = openInboxOf(workspace);
    await writeFile(inInbox('a.yaml'), config('a'));
    await writeFile(inInbox('b.yaml'), 'phase: ""\n');
    await inbox.settled();
    const lines = (await journal())
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const of = (file: string) => lines.filter((line) => line.file === file).map((line) => line.event);
    expect(of('a.yaml')).to.deep.equal(['seen', 'claimed', 'accepted']);
    expect(of('b.yaml')).to.deep.equal(['seen', 'claimed', 'rejected']);
  });

  it('hears of a file by its events alone, also in an inbox that is a link', async () => {
    await symlink(workspace.inbox, join(workspace.root, 'linked'));
    const inbox = openInboxOf({ ...workspace, inbox: join(workspace.root, 'linked') }, { scanEvery: 600_000 });
    await inbox.settled();
    await waitFor('a file that came after the events began', async () => {
      await writeFile(inInbox('a.yaml'), config('a'));
      return waitFor('a', () => inbox.runs.includes('a-s0'), 1000).catch(() => false);
    });
  });

  it('tries a file again after a fault of the disk, and lets the others pass', async () => {
    let faults = 2;
    const context = acceptInto(workspace);
    const inbox = openInboxOf(workspace, { scanEvery: 30 }, async (file) => {
      if (file.name === 'a.yaml' && faults-- > 0) throw Object.assign(new Error('EIO: i/o error'), { code: 'EIO' });
      return acceptConfig(file, context);
    });
    await Promise.all(['a', 'b'].map((name) => writeFile(inInbox(`${name}.yaml`), config(name))));
    await waitFor('both', () => inbox.outcomes.length === 2);
    expect(context.runs).to.deep.equal(['b-s0', 'a-s0']);
    expect(inbox.log.filter((line) => line.includes('i/o error'))).to.have.length(1);
    await inbox.settled();
    expect(await inbox.names('accepted')).to.deep.equal(['a.yaml', 'b.yaml']);
  });

  it('makes its folders again when somebody removes them', async () => {
    const inbox = openInboxOf(workspace, { scanEvery: 30 });
    await inbox.settled();
    for (const name of ['accepted', 'rejected', '.claimed']) await rm(inInbox(name), { recursive: true });
    await writeFile(inInbox('a.yaml'), config('a'));
    await writeFile(inInbox('b.yaml'), 'phase: ""\n');
    await waitFor('both', () => inbox.outcomes.length === 2);
    await inbox.settled();
    expect(await inbox.names('accepted')).to.deep.equal(['a.yaml']);
    expect(await inbox.names('rejected')).to.deep.equal(['b.yaml', 'b.yaml.reasons.txt']);
  });

  it('neither doubles nor loses what a crash left between acceptance and the move of the file', async () => {
    const claimed = inInbox('.claimed');
    await mkdir(claimed);
    await writeFile(join(claimed, 'a.yaml'), config('a'));
    const file = { name: 'a.yaml', acceptedAs: 'a.yaml', bytes: Buffer.from(config('a')) };
    await acceptConfig(file, acceptInto(workspace));
    const inbox = openInboxOf(workspace);
    await inbox.settled();
    expect(inbox.runs).to.deep.equal([]);
    expect(inbox.outcomes.map(({ kind }) => kind)).to.deep.equal(['accepted']);
    expect(await inbox.names('accepted')).to.deep.equal(['a.yaml']);
    expect(await namesIn(workspace.artifacts)).to.deep.equal(['a']);
  });

  const journal = async (): Promise<string> => readFile(join(workspace.state, 'journal.jsonl'), 'utf8').catch(() => '');
});
