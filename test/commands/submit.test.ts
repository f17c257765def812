import { mkdir, open, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse } from 'yaml';
import { submit } from '../../src/commands/submit.ts';
import { upsertRow } from '../../src/io/artifacts/results-store.ts';
import type { Workspace } from '../../src/io/workspace/workspace.ts';
import { acceptConfig } from '../../src/producers/accept.ts';
import { dropFiles } from '../../src/producers/drop.ts';
import { writeTicket } from '../../src/producers/tickets.ts';
import { makeRow } from '../helpers/rows.ts';
import { waitFor } from '../helpers/temp.ts';
import { acceptInto, closeInboxes, freshWorkspace, namesIn, openInboxOf, readPlain } from '../producers/setting.ts';

describe('commands/submit', () => {
  let workspace: Workspace;
  let out: string[];
  let err: string;
  let ended: AbortController;

  beforeEach(async () => {
    workspace = await freshWorkspace();
    [out, err] = [[], ''];
    ended = new AbortController();
  });
  afterEach(async () => {
    ended.abort();
    await closeInboxes();
  });

  const run = (files: readonly string[], flags: { again?: boolean; watch?: boolean } = {}): Promise<number> =>
    submit(files, {
      workspace,
      read: readPlain,
      again: false,
      watch: false,
      signal: ended.signal,
      out: (line) => void out.push(line),
      err: (text) => {
        err += text;
      },
      ...flags,
    });
  /** A config outside the inbox, as a person keeps it. */
  async function config(name: string, text: string): Promise<string> {
    await mkdir(join(workspace.root, 'mine'), { recursive: true });
    const path = join(workspace.root, 'mine', name);
    await writeFile(path, text);
    return path;
  }
  const waiting = (): Promise<string[]> => namesIn(workspace.inbox);
  const hidden = async (): Promise<string[]> =>
    (await readdir(workspace.inbox)).filter((name) => name !== '.claimed' && name.startsWith('.'));

  it('works without `up`, says what it will do and leaves nothing beside the file', async () => {
    const path = await config('43a.yaml', '# mine\nphase: 43a\nseeds: 2\n');
    expect(await run([path])).to.equal(0);
    expect(out).to.deep.equal(['43a.yaml: phase 43a; new: 43a-s0, 43a-s1', `${join('inbox', '43a.yaml')} submitted`]);
    expect(await waiting()).to.deep.equal(['43a.yaml']);
    expect(await hidden()).to.deep.equal([]);
    expect(await readFile(join(workspace.inbox, '43a.yaml'), 'utf8')).to.equal('# mine\nphase: 43a\nseeds: 2\n');
  });

  it('takes a file of any name and gives it one that the inbox takes', async () => {
    const names = ['night.txt', '43a', '.hidden.yaml', 'half.yaml.part', 'B.YML', 'night.md'];
    const files = await Promise.all(names.map((name, index) => config(name, `phase: p${index}\n`)));
    expect(await run(files)).to.equal(0);
    const taken = ['43a.yaml', 'B.YML', 'half.yaml.part.yaml', 'hidden.yaml', 'night.md.yaml', 'night.txt.yaml'];
    expect(await waiting()).to.deep.equal(taken);
    const inbox = openInboxOf(workspace);
    await inbox.settled();
    expect(inbox.runs).to.deep.equal(names.map((_, index) => `p${index}-s0`));
    expect(await inbox.names('accepted')).to.deep.equal(taken);
  });

  it('writes none when one is wrong, and tells what is wrong with each', async () => {
    const good = await config('good.yaml', 'phase: good\n');
    const bad = await config('bad.yaml', 'phases: bad\n');
    expect(await run([good, bad, join(workspace.root, 'absent.yaml'), workspace.root])).to.equal(2);
    const absent = `there is no file ${join(workspace.root, 'absent.yaml')}\n`;
    expect(err).to.contain('bad.yaml is not accepted').and.contain(absent).and.contain('not a file');
    expect(await waiting()).to.deep.equal([]);
    expect(out).to.deep.equal([]);
  });

  it('keeps the order of the arguments, also when all are seen at once or in another order', async () => {
    const names = ['z', 'm', 'a', 'q'];
    const files = await Promise.all(names.map((name) => config(`${name}.yaml`, `phase: ${name}\n`)));
    expect(await run(files)).to.equal(0);
    const inbox = openInboxOf(workspace);
    await inbox.settled();
    expect(inbox.runs).to.deep.equal(names.map((name) => `${name}-s0`));
    expect(await readdir(join(workspace.state, 'tickets'))).to.deep.equal([]);
  });

  it('is trusted at once: the file is taken without a second look', async () => {
    const inbox = openInboxOf(workspace, { scanEvery: 600_000 });
    await inbox.settled();
    await run([await config('a.yaml', 'phase: a\n')]);
    await waitFor('a', () => inbox.runs.includes('a-s0'));
    await inbox.settled();
    const journal = await readFile(join(workspace.state, 'journal.jsonl'), 'utf8');
    expect(journal).not.to.contain('"seen"');
  });

  it('is not trusted any more once somebody wrote to the file', async () => {
    await run([await config('a.yaml', 'phase: a\n')]);
    const file = await open(join(workspace.inbox, 'a.yaml'), 'r+');
    await file.write('phase: b\n', 0);
    await file.close();
    const inbox = openInboxOf(workspace);
    await inbox.settled();
    expect(inbox.runs).to.deep.equal(['b-s0']);
    expect(await readFile(join(workspace.state, 'journal.jsonl'), 'utf8')).to.contain('"seen"');
    expect(await readdir(join(workspace.state, 'tickets'))).to.deep.equal([]);
  });

  it('ignores a ticket that tells of another file, and one that is no ticket', async () => {
    await writeTicket(workspace.state, 'a.yaml', { inode: '1', size: '9', mtime_ns: '1', order: 1 });
    await writeFile(join(workspace.state, 'tickets', 'b.yaml.json'), '{"inode": 1');
    await writeFile(join(workspace.inbox, 'a.yaml'), 'phase: a\n');
    const inbox = openInboxOf(workspace);
    await inbox.settled();
    expect(inbox.runs).to.deep.equal(['a-s0']);
    expect(await readdir(join(workspace.state, 'tickets'))).to.deep.equal([]);
  });

  it('gives another name when one waits already, and takes the same file twice', async () => {
    const path = await config('a.yaml', 'phase: a\n');
    expect(await run([path, path])).to.equal(0);
    expect(await run([path])).to.equal(0);
    expect(await waiting()).to.deep.equal(['a.2.yaml', 'a.3.yaml', 'a.yaml']);
    expect(out.join('\n')).to.contain('already known: a-s0 (submitted before)');
    const inbox = openInboxOf(workspace);
    await inbox.settled();
    expect(inbox.runs).to.deep.equal(['a-s0']);
    expect(await inbox.names('accepted')).to.deep.equal(['a.2.yaml', 'a.3.yaml', 'a.yaml']);
  });

  it('never replaces a file, however many submit at once', async () => {
    const drop = (phase: string) =>
      dropFiles(workspace, [{ name: 'same.yaml', bytes: Buffer.from(`phase: ${phase}\n`) }]);
    await Promise.all(['a', 'b', 'c', 'd', 'e', 'f'].map(drop));
    expect(await waiting()).to.have.length(6);
    const inbox = openInboxOf(workspace);
    await inbox.settled();
    expect(inbox.runs.toSorted()).to.deep.equal(['a', 'b', 'c', 'd', 'e', 'f'].map((phase) => `${phase}-s0`));
  });

  it('of one phase with ten different settings at once: one is accepted, the others are refused with the difference', async () => {
    const files = await Promise.all(
      Array.from({ length: 10 }, (_, iters) =>
        config(`${iters}.yaml`, `phase: a\nseeds: 2\ntrain: { iters: ${iters} }\n`),
      ),
    );
    const codes = await Promise.all(files.map((file) => run([file])));
    const inbox = openInboxOf(workspace);
    await inbox.settled();
    const [accepted = '', ...others] = await inbox.names('accepted');
    expect(others).to.deep.equal([]);
    expect(inbox.runs).to.deep.equal(['a-s0', 'a-s1']);
    const rejected = (await inbox.names('rejected')).filter((name) => !name.endsWith('.reasons.txt'));
    expect(rejected.length + codes.filter((code) => code === 2).length).to.equal(9);
    for (const name of rejected)
      expect(await inbox.reasons(name)).to.contain(`train.iters: ${accepted[0]} -> ${name[0]}`);
    for (const name of ['a-s0', 'a-s1'])
      expect(await readFile(join(workspace.artifacts, 'a', name, 'run.json'), 'utf8')).to.contain(
        `"iters": ${accepted[0]}`,
      );
    expect((await readdir(join(workspace.artifacts, 'a'))).toSorted()).to.deep.equal(['a-s0', 'a-s1', 'phase.json']);
    expect([await waiting(), await hidden()]).to.deep.equal([[], []]);
  });

  it('knows the phases before it in the same call and those that wait in the inbox', async () => {
    const first = await config('one.yaml', 'phase: one\n');
    const second = await config('two.yaml', 'phase: two\nbaseline: one\n');
    expect(await run([second])).to.equal(2);
    expect(await run([first, second])).to.equal(0);
    expect(await run([await config('three.yaml', 'phase: three\nbaseline: two\n')])).to.equal(0);
    expect(await run([await config('other.yaml', 'phase: one\nnotes: changed\n')])).to.equal(2);
    expect(err).to.contain('notes: (absent) -> "changed"');
  });

  it('--again adds every seed once more, a second time too, with and without `up`', async () => {
    const path = await config('a.yaml', 'phase: a # mine\nseeds: [0, 4]\nx: 1\n');
    const inbox = openInboxOf(workspace);
    await run([path]);
    await inbox.settled();
    expect(await run([path], { again: true })).to.equal(0);
    await inbox.settled();
    expect(inbox.runs).to.deep.equal(['a-s0', 'a-s4', 'a-s0.2', 'a-s4.2']);
    expect(await readFile(join(workspace.inbox, 'accepted', 'a.2.yaml'), 'utf8')).to.equal(
      'phase: a # mine\nseeds: [0, 4, 0, 4]\nx: 1\n',
    );
    await closeInboxes();
    expect(await run([path], { again: true })).to.equal(0);
    expect(await run([path], { again: true })).to.equal(0);
    expect(await waiting()).to.deep.equal(['a.2.yaml', 'a.yaml']);
    const last: unknown = parse(await readFile(join(workspace.inbox, 'a.2.yaml'), 'utf8'));
    expect(last).to.deep.equal({ phase: 'a', seeds: [0, 4, 0, 4, 0, 4, 0, 4], x: 1 });
    const later = openInboxOf(workspace);
    await later.settled();
    expect(later.runs).to.deep.equal(['a-s0.3', 'a-s4.3', 'a-s0.4', 'a-s4.4']);
  });

  it('--again refuses a file that changed otherwise', async () => {
    const inbox = openInboxOf(workspace);
    await run([await config('a.yaml', 'phase: a\nseeds: 3\ntrain: { iters: 800 }\n')]);
    await inbox.settled();
    const changed = await config('a.yaml', 'phase: a\nseeds: 3\ntrain: { iters: 900 }\n');
    expect(await run([changed], { again: true })).to.equal(2);
    expect(err).to.contain('train.iters: 800 -> 900');
    expect(await waiting()).to.deep.equal([]);
  });

  it('--watch waits for the rows and tells each: 0, or 1 when one failed', async () => {
    const inbox = openInboxOf(workspace);
    const path = await config('a.yaml', 'phase: a\nseeds: 2\n');
    const watching = run([path], { watch: true });
    await waitFor('both runs', () => inbox.runs.length === 2);
    await upsertRow(workspace.artifacts, rowOf('a-s0', 'done'), () => 1);
    await waitFor('a line', () => out.includes('a-s0 done: overall 82.4'));
    await upsertRow(workspace.artifacts, rowOf('a-s1', 'failed'), () => 2);
    expect(await watching).to.equal(1);
    expect(out.at(-1)).to.equal('a-s1 failed: NAN_LOSS, it is NaN');
    await upsertRow(workspace.artifacts, rowOf('a-s1', 'done'), () => 2);
    expect(await run([path], { watch: true })).to.equal(0);
  });

  it('--watch ends with 2 when the inbox refuses the file after all', async () => {
    const watching = run([await config('a.yaml', 'phase: a\n')], { watch: true });
    await waitFor('the file', async () => (await waiting()).length === 1);
    // Accepted meanwhile under the same name, by hand and otherwise.
    const other = { name: 'x.yaml', acceptedAs: 'x.yaml', bytes: Buffer.from('phase: a\nnotes: other\n') };
    await acceptConfig(other, acceptInto(workspace));
    openInboxOf(workspace);
    expect(await watching).to.equal(2);
    expect(err).to.contain('notes: "other" -> (absent)');
  });
});

function rowOf(run: string, status: 'done' | 'failed') {
  const error = { code: 'NAN_LOSS', message: 'it is NaN', stage: 'train' as const, attempt: 1, log: [] };
  return makeRow({ run, phase: 'a', status, overall: 82.4, error: status === 'done' ? null : error });
}
