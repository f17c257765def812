import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse } from 'yaml';
import { submit } from '../../src/commands/submit.ts';
import { CommandError } from '../../src/core/errors.ts';
import type { Submission } from '../../src/events/request.ts';
import { upsertRow } from '../../src/io/artifacts/results-store.ts';
import { openRunStore } from '../../src/io/artifacts/run-store.ts';
import type { Workspace } from '../../src/io/workspace/workspace.ts';
import { acceptConfig } from '../../src/producers/accept.ts';
import { submitAlone } from '../../src/producers/inbox.ts';
import { keepTogether } from '../../src/producers/kept-files.ts';
import { damages } from '../hands/damage.ts';
import { makeRow } from '../helpers/rows.ts';
import { waitFor } from '../helpers/temp.ts';
import {
  acceptInto,
  closeInboxes,
  freshWorkspace,
  inboxOptions,
  namesIn,
  type OpenInbox,
  openInboxOf,
} from '../producers/setting.ts';

describe('commands/submit', () => {
  let workspace: Workspace;
  let out: string[];
  let err: string;
  let ended: AbortController;
  /** The inbox of a living `up`; without one a command accepts its files itself. */
  let inbox: OpenInbox | null;

  beforeEach(async () => {
    workspace = await freshWorkspace();
    inbox = null;
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
      send: (submission) => inbox?.submit(submission) ?? submitAlone(inboxOptions(workspace), submission),
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
  const accepted = (): Promise<string[]> => namesIn(join(workspace.inbox, 'accepted'));
  const claimed = (): Promise<string[]> => readdir(join(workspace.inbox, '.claimed'));
  /** The runs that were accepted, in their order. */
  async function runs(): Promise<string[]> {
    const store = openRunStore(workspace.artifacts);
    await store.refresh();
    await store.close();
    return store.all().map(({ run: { run: name } }) => name);
  }

  it('works without `up`, says what it will do and leaves nothing next to the file', async () => {
    const path = await config('43a.yaml', '# mine\nphase: 43a\nseeds: 2\n');
    expect(await run([path])).to.equal(0);
    expect(out).to.deep.equal([
      '43a.yaml: phase 43a, 2 new runs (43a-s0, 43a-s1)',
      `43a.yaml submitted (kept as ${join('inbox', 'accepted', '43a.yaml')})`,
    ]);
    expect(await runs()).to.deep.equal(['43a-s0', '43a-s1']);
    expect([await waiting(), await claimed()]).to.deep.equal([[], []]);
    expect(await readFile(join(workspace.inbox, 'accepted/43a.yaml'), 'utf8')).to.equal(
      '# mine\nphase: 43a\nseeds: 2\n',
    );
  });

  it('takes a file of any name and gives it one that the inbox takes', async () => {
    const names = ['night.txt', '43a', '.hidden.yaml', 'half.yaml.part', 'B.YML', 'night.md'];
    const files = await Promise.all(names.map((name, index) => config(name, `phase: p${index}\n`)));
    expect(await run(files)).to.equal(0);
    expect(await runs()).to.deep.equal(names.map((_, index) => `p${index}-s0`));
    const taken = ['43a.yaml', 'B.YML', 'half.yaml.part.yaml', 'hidden.yaml', 'night.md.yaml', 'night.txt.yaml'];
    expect(await accepted()).to.deep.equal(taken);
  });

  it('writes none when one is wrong, and tells what is wrong with each', async () => {
    const good = await config('good.yaml', 'phase: good\n');
    const bad = await config('bad.yaml', 'phases: bad\n');
    expect(await run([good, bad, join(workspace.root, 'absent.yaml'), workspace.root])).to.equal(2);
    const absent = `${join(workspace.root, 'absent.yaml')} does not exist\n`;
    expect(err).to.contain('bad.yaml is not accepted').and.contain(absent).and.contain('not a file');
    expect([await waiting(), await claimed(), await runs(), out]).to.deep.equal([[], [], [], []]);
  });

  it('keeps the order of the arguments, with and without `up`', async () => {
    const submitted = async (names: readonly string[]): Promise<void> => {
      const files = await Promise.all(names.map((name) => config(`${name}.yaml`, `phase: ${name}\n`)));
      expect(await run(files)).to.equal(0);
    };
    await submitted(['z', 'm', 'a', 'q']);
    inbox = openInboxOf(workspace);
    await submitted(['y', 'b', 'x']);
    expect(await runs()).to.deep.equal(['z', 'm', 'a', 'q', 'y', 'b', 'x'].map((name) => `${name}-s0`));
    expect(await claimed()).to.deep.equal([]);
  });

  it('is taken at once: without waiting for its writer', async () => {
    inbox = openInboxOf(workspace, { scanEvery: 600_000 });
    await inbox.settled();
    await run([await config('a.yaml', 'phase: a\n')]);
    expect(inbox.runs).to.deep.equal(['a-s0']);
    const journal = await readFile(join(workspace.state, 'journal.jsonl'), 'utf8');
    expect(journal).not.to.contain('"seen"');
  });

  it('takes the same file twice, each under a name of its own', async () => {
    const path = await config('a.yaml', 'phase: a\n');
    expect(await run([path, path])).to.equal(0);
    expect(await run([path])).to.equal(0);
    expect(await accepted()).to.deep.equal(['a.2.yaml', 'a.3.yaml', 'a.yaml']);
    const kept = (name: string): string => `(kept as ${join('inbox', 'accepted', name)})`;
    expect(out.filter((line) => line.includes('kept as'))).to.deep.equal([
      `a.yaml submitted ${kept('a.yaml')}`,
      `a.yaml is already known ${kept('a.2.yaml')}`,
      `a.yaml is already known ${kept('a.3.yaml')}`,
    ]);
    expect(out.join('\n')).to.contain('Already known: a-s0 (submitted before)').and.contain('a-s0 (waiting)');
    expect(await runs()).to.deep.equal(['a-s0']);
  });

  it('never replaces a file, however many submit at once', async () => {
    inbox = openInboxOf(workspace);
    const phases = ['a', 'b', 'c', 'd', 'e', 'f'];
    const send = (phase: string) => {
      const bytes = Buffer.from(`phase: ${phase}\n`);
      return inbox?.submit({ kind: 'submit', again: false, files: [{ name: 'same.yaml', bytes, problem: null }] });
    };
    await Promise.all(phases.map(send));
    expect(await accepted()).to.have.length(6);
    expect(inbox.runs).to.deep.equal(phases.map((phase) => `${phase}-s0`));
  });

  it('of one phase with ten different settings at once: one is accepted, the others are refused with the difference', async () => {
    const settings = Array.from({ length: 10 }, (_, index) => index + 10);
    const files = await Promise.all(
      settings.map((iters) => config(`${iters}.yaml`, `phase: a\nseeds: 2\ntrain: { iters: ${iters} }\n`)),
    );
    inbox = openInboxOf(workspace);
    const codes = await Promise.all(files.map((file) => run([file])));
    const names = await accepted();
    expect(names).to.have.length(1);
    const taken = Number.parseInt(names[0] ?? '', 10);
    expect(inbox.runs).to.deep.equal(['a-s0', 'a-s1']);
    expect(await inbox.names('rejected')).to.deep.equal([]);
    expect(codes.filter((code) => code === 2)).to.have.length(9);
    for (const iters of settings) if (iters !== taken) expect(err).to.contain(`train.iters: ${taken} -> ${iters}`);
    for (const name of ['a-s0', 'a-s1'])
      expect(await readFile(join(workspace.artifacts, 'a', name, 'run.json'), 'utf8')).to.contain(`"iters": ${taken}`);
    expect((await readdir(join(workspace.artifacts, 'a'))).toSorted()).to.deep.equal(['a-s0', 'a-s1', 'phase.json']);
    expect([await waiting(), await claimed()]).to.deep.equal([[], []]);
  });

  it('knows the phases before it in the same call and those that were accepted', async () => {
    const first = await config('one.yaml', 'phase: one\n');
    const second = await config('two.yaml', 'phase: two\nbaseline: one\n');
    expect(await run([second])).to.equal(2);
    expect(await run([first, second])).to.equal(0);
    expect(await run([await config('other.yaml', 'phase: one\nnotes: changed\n')])).to.equal(2);
    expect(err).to.contain('notes: (absent) -> "changed"');
  });

  it('is kept when it cannot be accepted yet, and accepted in its order by the next `up`', async () => {
    const names = ['one', 'three', 'two'];
    const files = await Promise.all(names.map((name) => config(`${name}.yaml`, `phase: ${name}\n`)));
    const accept = (): Promise<never> => Promise.reject(new CommandError(3, 'No Python found'));
    const without = (submission: Submission) => submitAlone({ ...inboxOptions(workspace), accept }, submission);
    const options = { workspace, again: false, out: (line: string) => void out.push(line), err: () => undefined };
    expect(await submit(files.slice(0, 2), { ...options, send: without, watch: false })).to.equal(0);
    expect(await submit(files.slice(2), { ...options, send: without, watch: true })).to.equal(3);
    expect(out.filter((line) => / submitted\b/.test(line))).to.deep.equal(names.map((one) => `${one}.yaml submitted`));
    expect(await run([await config('four.yaml', 'phase: four\nbaseline: two\n')]), 'knows those that wait').to.equal(0);
    const later = openInboxOf(workspace);
    await later.settled();
    expect(await runs()).to.deep.equal(['one-s0', 'three-s0', 'two-s0', 'four-s0']);
    expect(await claimed()).to.deep.equal([]);
  });

  it('waits for the file before it, to which it may refer, when the disk failed on that one', async () => {
    const context = acceptInto(workspace);
    let faults = 1;
    inbox = openInboxOf(workspace, { scanEvery: 30 }, async (file) => {
      if (file.name === 'two.yaml' && faults-- > 0) throw Object.assign(new Error('EIO: i/o error'), { code: 'EIO' });
      return acceptConfig(file, context);
    });
    const files = [await config('two.yaml', 'phase: two\n'), await config('one.yaml', 'phase: one\nbaseline: two\n')];
    expect(await run(files)).to.equal(0);
    expect(err)
      .to.contain('two.yaml is not accepted yet: EIO: i/o error')
      .and.contain('one.yaml is not accepted yet: a');
    await inbox.settled();
    expect(context.runs).to.deep.equal(['two-s0', 'one-s0']);
    expect(await accepted()).to.deep.equal(['one.yaml', 'two.yaml']);
  });

  it('keeps all files or none: what a crash left before is removed, what it left after is accepted once', async () => {
    const folder = join(workspace.inbox, '.claimed');
    await mkdir(join(folder, '.draft.abc'), { recursive: true });
    await writeFile(join(folder, '.draft.abc/000000.half.yaml'), 'phase: half\n');
    const kept = await keepTogether(
      folder,
      ['z', 'a'].map((name) => ({ name: `${name}.yaml`, bytes: Buffer.from(`phase: ${name}\n`) })),
    );
    // The first is accepted, and the crash came before it was moved.
    const file = { name: 'z.yaml', acceptedAs: 'z.yaml', bytes: await readFile(kept[0]!.path) };
    await acceptConfig(file, acceptInto(workspace));
    const later = openInboxOf(workspace);
    await later.settled();
    expect(later.runs).to.deep.equal(['a-s0']);
    expect(await runs()).to.deep.equal(['z-s0', 'a-s0']);
    expect(await claimed()).to.deep.equal([]);
  });

  it('that a hand replaced by something else is rejected with its kind, and the others pass', async () => {
    const folder = join(workspace.inbox, '.claimed');
    await mkdir(folder);
    const harms = Object.entries(damages).filter(([name]) => !name.endsWith('field'));
    const kept = await keepTogether(
      folder,
      harms.map(([name]) => ({ name: `${name}.yaml`, bytes: Buffer.from(`phase: "${name}"\n`) })),
    );
    for (const [index, [, harm]] of harms.entries()) await harm(kept[index]!.path);
    expect(await run([await config('later.yaml', 'phase: later\n')])).to.equal(0);
    inbox = openInboxOf(workspace);
    await inbox.settled();
    expect(await runs()).to.deep.equal(['later-s0']);
    const rejected = (await namesIn(join(workspace.inbox, 'rejected'))).filter((name) => name.endsWith('.yaml'));
    const harmed = harms.map(([name]) => `${name}.yaml`).filter((name) => name !== 'gone.yaml');
    expect(rejected.sort()).to.deep.equal(harmed.sort());
    expect(await readFile(join(workspace.inbox, 'rejected/folder.yaml.reasons.txt'), 'utf8')).to.contain('a folder');
    expect(await claimed()).to.deep.equal([]);
  });

  it('of an earlier version lies in the inbox with a ticket: it is taken like a file that was copied', async () => {
    await mkdir(join(workspace.state, 'tickets'));
    await writeFile(join(workspace.state, 'tickets/a.yaml.json'), '{"inode": 1');
    await writeFile(join(workspace.inbox, 'a.yaml'), 'phase: a\n');
    const later = openInboxOf(workspace);
    await later.settled();
    expect(later.runs).to.deep.equal(['a-s0']);
    expect(await readdir(workspace.state)).not.to.include('tickets');
    expect(later.log.join('\n')).to.contain('submitted by an earlier version of phasebox');
  });

  it('--again adds every seed once more, a second time too, with and without `up`', async () => {
    const path = await config('a.yaml', 'phase: a # mine\nseeds: [0, 4]\nx: 1\n');
    inbox = openInboxOf(workspace);
    await run([path]);
    expect(await run([path], { again: true })).to.equal(0);
    expect(inbox.runs).to.deep.equal(['a-s0', 'a-s4', 'a-s0.2', 'a-s4.2']);
    expect(await readFile(join(workspace.inbox, 'accepted', 'a.2.yaml'), 'utf8')).to.equal(
      'phase: a # mine\nseeds: [0, 4, 0, 4]\nx: 1\n',
    );
    await closeInboxes();
    inbox = null;
    expect(await run([path], { again: true })).to.equal(0);
    expect(await run([path], { again: true })).to.equal(0);
    const last: unknown = parse(await readFile(join(workspace.inbox, 'accepted/a.4.yaml'), 'utf8'));
    expect(last).to.deep.equal({ phase: 'a', seeds: [0, 4, 0, 4, 0, 4, 0, 4], x: 1 });
    expect((await runs()).slice(4)).to.deep.equal(['a-s0.3', 'a-s4.3', 'a-s0.4', 'a-s4.4']);
  });

  it('--again refuses a file that changed otherwise', async () => {
    await run([await config('a.yaml', 'phase: a\nseeds: 3\ntrain: { iters: 800 }\n')]);
    const changed = await config('a.yaml', 'phase: a\nseeds: 3\ntrain: { iters: 900 }\n');
    expect(await run([changed], { again: true })).to.equal(2);
    expect(err).to.contain('train.iters: 800 -> 900');
    expect(await waiting()).to.deep.equal([]);
  });

  it('--watch waits for the rows and tells each: 0, or 1 when one failed', async () => {
    const path = await config('a.yaml', 'phase: a\nseeds: 2\n');
    const watching = run([path], { watch: true });
    await waitFor('both runs', async () => (await runs()).length === 2);
    await upsertRow(workspace.artifacts, rowOf('a-s0', 'done'), () => 1);
    await waitFor('a line', () => out.some((line) => /a-s0: done in .+: 82\.4 %/.test(line)));
    await upsertRow(workspace.artifacts, rowOf('a-s1', 'failed'), () => 2);
    expect(await watching).to.equal(1);
    expect(out.at(-1)).to.match(/^a-s1: failed after .+ \(NAN_LOSS\): it is NaN$/);
    await upsertRow(workspace.artifacts, rowOf('a-s1', 'done'), () => 2);
    expect(await run([path], { watch: true })).to.equal(0);
  });

  it('ends with 2 and the reasons when a file that was checked is rejected after all', async () => {
    const accept = async () => ({ kind: 'rejected', reasons: 'something is in the way\n' }) as const;
    const path = await config('a.yaml', 'phase: a\n');
    const code = await submit([path], {
      workspace,
      send: (submission) => submitAlone({ ...inboxOptions(workspace), accept }, submission),
      again: false,
      watch: true,
      out: (line) => void out.push(line),
      err: (text) => {
        err += text;
      },
    });
    expect([code, err]).to.deep.equal([2, `${join('inbox', 'rejected', 'a.yaml')}:\nsomething is in the way\n`]);
    expect(await namesIn(join(workspace.inbox, 'rejected'))).to.deep.equal(['a.yaml', 'a.yaml.reasons.txt']);
  });
});

function rowOf(run: string, status: 'done' | 'failed') {
  const error = { code: 'NAN_LOSS', message: 'it is NaN', stage: 'train' as const, attempt: 1, log: [] };
  return makeRow({ run, phase: 'a', status, overall: 82.4, error: status === 'done' ? null : error });
}
