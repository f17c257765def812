import { copyFile, readdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { JournalLine, Manifest } from '../../src/events/run.ts';
import { type Chain, makeChain } from '../helpers/chain.ts';
import { waitFor } from '../helpers/temp.ts';

let chain: Chain;

/** `cp demo/A.yaml demo/B.yaml inbox/` */
async function copyBoth(): Promise<void> {
  for (const name of ['A.yaml', 'B.yaml'])
    await copyFile(join(chain.root, 'demo', name), join(chain.root, 'inbox', name));
}

/** ms since the epoch of the first such line. */
function timeOf(journal: readonly JournalLine[], event: JournalLine['event'], stage?: string): number {
  const line = journal.find(
    (one) => one.event === event && (stage === undefined || ('stage' in one && one.stage === stage)),
  );
  if (line === undefined) throw new Error(`no ${event} ${stage ?? ''} in the journal`);
  return Date.parse(line.at);
}

/** A is over, cleaned up and with its row, before anything of B begins. */
async function expectOneAfterTheOther(): Promise<void> {
  const [a, b] = [await chain.journal('A-s0'), await chain.journal('B-s0')];
  expect(timeOf(a, 'committed', 'cleanup')).to.be.below(timeOf(a, 'committed', 'eval'));
  expect(timeOf(a, 'row')).to.be.at.most(timeOf(b, 'started'));
  expect(timeOf(b, 'started')).to.be.at.most(timeOf(b, 'tool_started', 'train'));
  const ofB = (await chain.calls()).filter(({ run }) => run === 'B-s0');
  expect(timeOf(a, 'row')).to.be.below(Math.min(...ofB.map(({ at }) => at)));
}

/** The run's folder: stages whose manifests name every output, the plan, the journal, and no attempt beside them. */
async function expectWhole(): Promise<void> {
  const folder = 'artifacts/A/A-s0';
  expect((await readdir(join(chain.root, folder))).sort()).to.eql(
    ['1-train', '3-fuse', '5-cleanup', '6-eval', 'journal.jsonl', 'run.json'].sort(),
  );
  const manifest: Manifest = JSON.parse(await chain.read(`${folder}/1-train/manifest.json`));
  expect(manifest.outputs.map(({ path }) => path)).to.include.members([
    ...['adapter/adapters.safetensors', 'adapter/0000200_adapters.safetensors', 'adapter/adapter_config.json'],
  ]);
  expect(manifest.commands.at(-1)?.slice(1).join(' ')).to.match(
    /\/python\/train\.py -c train\.yaml --state-dir states --resume states --pause-file pause --progress progress\.jsonl --memory-limit \d+$/,
  );
  const lines = (await chain.read(`${folder}/journal.jsonl`))
    .trim()
    .split('\n')
    .map((line): JournalLine => JSON.parse(line));
  expect(lines.map(({ event }) => event).filter((event) => ['accepted', 'started', 'row'].includes(event))).to.eql([
    'accepted',
    'started',
    'row',
  ]);
}

describe('two configs with a stand-in mlx_lm', () => {
  beforeEach(async () => {
    chain = await makeChain();
  });
  afterEach(() => chain.remove());

  it('run one after the other from the inbox of a running `up` to a row each and a comparison', async () => {
    const up = await chain.up();
    await copyBoth();
    await chain.row('B-s0');
    await expectOneAfterTheOther();
    expect((await chain.rows()).map(({ run, status }) => [run, status])).to.eql([
      ['A-s0', 'done'],
      ['B-s0', 'done'],
    ]);
    await waitFor('B on the page', async () =>
      /B-s0/.test(await chain.read('artifacts/COMPARISON.md').catch(() => '')),
    );
    expect(await up.stop()).to.equal(0);
    const tools = (await chain.calls()).filter(({ run }) => run !== null);
    // `serve` twice: the base's own score, and the run's.
    const each = ['check_data', 'lora', 'fuse_direct', 'serve', 'serve', 'model_cost'];
    expect(tools.map(({ run, tool }) => [run, tool])).to.eql([
      ...each.map((tool) => ['A-s0', tool]),
      ...each.map((tool) => ['B-s0', tool]),
    ]);
  });

  it('are run to their ends by `up --once`, with every field of a row', async () => {
    await copyBoth();
    const { code, out, err } = await chain.phasebox('up', '--once');
    expect([code, err]).to.eql([0, '']);
    expect(out)
      .to.match(/dashboard http:\/\/127\.0\.0\.1:\d+/)
      .and.to.match(/A-s0: done in .*: \d+\.\d % \(strict/);
    await expectOneAfterTheOther();
    const rows = await chain.rows();
    expect(rows.map(({ run }) => run)).to.eql(['A-s0', 'B-s0']);
    for (const row of rows) {
      expect(row).to.include.all.keys(
        ...[
          'run',
          'phase',
          'seed',
          'variant',
          'from',
          'status',
          'overall',
          'strict',
          'categories',
          'strict_categories',
        ],
        ...[
          'modes',
          'base',
          'checkpoint',
          'verdict',
          'outcome',
          'started',
          'ended',
          'seconds',
          'bytes',
          'eval_identity',
        ],
        ...['custody', 'versions', 'error'],
      );
      expect(row).to.deep.include({ status: 'done', seed: 0, variant: null, from: null, error: null, checkpoint: 200 });
      expect(Object.keys(row.categories ?? {})).to.have.length(7);
      expect(Object.keys(row.modes ?? {})).to.have.length(9);
      expect(Object.keys(row.seconds)).to.eql(['train', 'fuse', 'cleanup', 'eval']);
      expect(row.base).to.include.all.keys('overall', 'strict', 'categories', 'key');
      expect(row.bytes.final).to.be.above(0);
      expect(row.bytes.temp_peak).to.be.at.least(0);
      expect(row.eval_identity).to.match(/^[0-9a-f]{64}$/);
      for (const name of ['data', 'adapter', 'model', 'suite'] as const)
        expect(row.custody[name]).to.match(/^[0-9a-f]{64}$/);
      const { iteration, config, server, host, resume } = row.custody;
      expect([iteration, resume]).to.eql([200, null]);
      expect(config).to.match(/^[0-9a-f]{64}$/);
      expect(host?.name).to.equal(hostname());
      expect(server).to.include({ name: 'server', model_id: 'default_model', answers: 27 });
      const log = await chain.read(`artifacts/${row.phase}/${row.run}/6-eval/server/log.txt`);
      expect(log, 'the proof').to.contain(server?.nonce);
      for (const time of [row.started, row.ended]) expect(time).to.match(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      expect(row.versions).to.include({ mlx_lm: '0.32.2' }).and.to.include.all.keys('python', 'phasebox');
    }
    for (const page of ['COMPARISON.md', 'runs.md', 'report.html', 'runs.html', 'A/answers.html'])
      expect(await chain.read(`artifacts/${page}`), page).to.contain('A-s0');
    expect((await readdir(join(chain.root, 'artifacts/plots'))).sort()).to.eql([
      'categories.svg',
      'loss.svg',
      'modes.svg',
      'overall.svg',
      'timeline.svg',
    ]);
    const [a, b] = rows;
    expect(a?.custody.model).not.to.equal(b?.custody.model);
    expect(a?.base?.key).not.to.equal(b?.base?.key);
    const answers = join(chain.root, 'artifacts/A/A-s0/6-eval/answers.jsonl');
    const scored = await chain.phasebox(
      'score',
      '--suite',
      join(chain.root, 'demo/suite/demo-27.yaml'),
      '--answers',
      answers,
      '--json',
    );
    expect(JSON.parse(scored.out)).to.include({ overall: a?.overall, strict: a?.strict });
  });

  it('leave the text that a person wrote around the comparison byte for byte', async () => {
    await chain.write('inbox/A.yaml', await chain.read('demo/A.yaml'));
    await chain.phasebox('up', '--once');
    await expectWhole();
    const made = await chain.read('artifacts/COMPARISON.md');
    const [above, below] = ['# My night\r\n\twith a tab  \n', '\n\nWhat I think: *B* is worse \u2014 é\n\n\n'];
    await chain.write('artifacts/COMPARISON.md', `${above}${made}${below}`);
    await chain.write('inbox/B.yaml', await chain.read('demo/B.yaml'));
    expect(await chain.phasebox('up', '--once')).to.include({ code: 0 });
    const page = await chain.read('artifacts/COMPARISON.md');
    expect(page.startsWith(above) && page.endsWith(below), page).to.equal(true);
    expect(page).to.contain('B-s0');
  });
});
