import { expect } from 'chai';
import { makeRow } from '../../../src/core/run/row.ts';
import { row as rowSchema } from '../../../src/events/row.ts';
import type { JournalLine, Manifest, Run } from '../../../src/events/run.ts';
import type { StageName } from '../../../src/events/stages.ts';
import { at, makeRow as exampleRow, makeManifest, makeRun, modeCounts } from '../../helpers/rows.ts';

const output = (path: string, bytes: number) => ({ path, bytes, mtime_ms: 1, inode: 1, sha256: 'f' });

const score = {
  overall: 82.4,
  strict: 70,
  categories: { domain: 61, git: 100 },
  strict_categories: { domain: 50, git: 90 },
  modes: modeCounts({ wrapped: 25, direct_call: 2 }),
  prompts: [],
};

const base = {
  ...{ key: 'k', overall: 31.5, strict: 20 },
  ...{ categories: { domain: 10, git: 40 }, strict_categories: { domain: 5, git: 35 } },
};

const manifests: Partial<Record<StageName, Manifest>> = {
  train: makeManifest('train', {
    inputs: { base: 'b', data: 'd' },
    outputs: [output('adapters.safetensors', 30), output('0000200_adapters.safetensors', 30)],
    peak_bytes: 70,
    estimated_bytes: 100,
    warnings: ['359 rows are never seen'],
    removed: { at: at(5), paths: ['0000200_adapters.safetensors'] },
    made: {
      adapter: 'adapters.safetensors',
      checkpoints: [
        { iteration: 200, file: '0000200_adapters.safetensors' },
        { iteration: 800, file: '0000800_adapters.safetensors' },
      ],
      iterations: 800,
      train_loss: 0.1,
      val_loss: 0.21,
      profile: null,
      warm_restart: false,
    },
  }),
  fuse: makeManifest('fuse', {
    inputs: { base: 'b', adapter: 'a' },
    outputs: [output('model/model.safetensors', 200), output('model/config.json', 1), output('timing.json', 7)],
    peak_bytes: 300,
    versions: { 'mlx-lm': '0.32.2', mlx: '0.32.4' },
    made: { model: 'model' },
  }),
  cleanup: makeManifest('cleanup', { made: { removed: [], freed_bytes: 30 } }),
  eval: makeManifest('eval', {
    inputs: { model: 'm', suite: 's' },
    outputs: [output('answers.jsonl', 5)],
    peak_bytes: 5,
    seconds: 11,
    warnings: ['359 rows are never seen', 'the base could not be scored'],
    made: {
      answers: 'answers.jsonl',
      score,
      eval_identity: 'e'.repeat(64),
      suite_sha256: 's',
      base,
    },
  }),
};

const committed = (stage: StageName, seconds: number, attempt = 1): JournalLine => ({
  event: 'committed',
  at: at(3),
  stage,
  attempt,
  seconds,
});

const failed = (stage: StageName, changed: Partial<Extract<JournalLine, { event: 'failed' }>> = {}): JournalLine => ({
  event: 'failed',
  at: at(4),
  stage,
  attempt: 1,
  code: 'GPU_FAULT',
  message: 'The GPU timed out or was reset: after 12 s',
  log: Array.from({ length: 30 }, (_, index) => `line ${index}`),
  seconds: 100,
  retry_at: at(5),
  ...changed,
});

const opening: JournalLine[] = [
  { event: 'accepted', at: at(0), file: 'inbox/accepted/43a.yaml' },
  { event: 'started', at: at(1) },
];

function over(changed: { run?: Partial<Run>; journal?: JournalLine[]; have?: typeof manifests; rows?: never[] } = {}) {
  const run = makeRun(changed.run);
  const have = changed.have ?? manifests;
  const journal = [
    ...opening,
    ...(changed.journal ?? [committed('train', 2520), committed('fuse', 115), committed('cleanup', 1)]),
  ];
  const stages = Object.keys(have).filter((stage): stage is StageName => run.chain.includes(stage as StageName));
  return {
    state: { run, journal, committed: new Set(stages) },
    manifests: have,
    outside: outsideOf(run),
    rows: [],
    ended: at(50),
  };
}

/** Of a run that comes from no other one. */
const outsideOf = ({ from }: Run) => (from !== null && !('run' in from) ? from : null);

describe('makeRow', () => {
  it('knows an adapter that changes nothing by its weights, or by its measured size in an older manifest', () => {
    const idle = (more: object): boolean | null => {
      const evaluated = manifests.eval;
      if (evaluated === undefined) throw new Error('no eval');
      const have = { ...manifests, eval: { ...evaluated, made: { ...evaluated.made, ...more } } };
      return makeRow(over({ have })).idle_adapter;
    };
    const figures = { kept: null, snr: null, top1: null, kl: null, loss: null, gain_kept: null };
    const cost = { bits: { base: 4, final: 6 }, layers: 2, tokens: 0, rows: 0, ...figures };
    expect(idle({ idle_adapter: true })).to.equal(true);
    expect(idle({ idle_adapter: false, cost: { ...cost, step: 0.1 } })).to.equal(false);
    expect(idle({ cost: { ...cost, step: 0 } })).to.equal(true);
    expect(idle({ cost: { ...cost, step: 0.1 } })).to.equal(null);
  });

  it('makes the row of a done run, as the contract has it', () => {
    const row = makeRow(over());
    expect(rowSchema.parse(row)).to.deep.equal(row);
    expect(row).to.deep.equal({
      run: '43a-s0',
      phase: '43a',
      seed: 0,
      variant: null,
      model: 'org/Coder-30B',
      from: null,
      status: 'done',
      score_by: 'lenient',
      overall: 82.4,
      strict: 70,
      categories: { domain: 61, git: 100 },
      strict_categories: { domain: 50, git: 90 },
      modes: modeCounts({ wrapped: 25, direct_call: 2 }),
      category_modes: null,
      base,
      baseline: null,
      checkpoint: 800,
      selection: null,
      cost: null,
      idle_adapter: null,
      training: null,
      metrics: { val_loss: 0.21, train_loss: 0.1 },
      verdict: null,
      outcome: null,
      verdict_reason: null,
      started: at(1),
      ended: at(50),
      // eval: the crash fell between commit and journal, so the manifest tells
      seconds: { train: 2520, fuse: 115, cleanup: 1, eval: 11 },
      estimate: null,
      // fuse at work: 60 + 300; what stays: 30 + 208 + 5
      bytes: { temp_peak: 117, estimated_peak: 0, final: 201 },
      eval_identity: 'e'.repeat(64),
      eval_parts: null,
      asked_again: null,
      custody: {
        ...{ data: 'd', base: 'b', adapter: 'a', iteration: 800, resume: null, model: 'm', suite: 's' },
        ...{ prompts: null, prompts_date: null, config: null, server: null, host: null },
      },
      versions: { 'mlx-lm': '0.32.2', mlx: '0.32.4' },
      profile: null,
      warnings: ['359 rows are never seen', 'the base could not be scored'],
      error: null,
    });
  });

  it('says how the checkpoint was chosen', () => {
    const candidates = [
      { iteration: 400, overall: 80, strict: 70, val_loss: null },
      { iteration: 800, overall: 60, strict: 60, val_loss: null },
    ];
    const told = { by: 'suite', suite_sha256: 'x', same_suite: true, candidates, optimism: 4.5 } as const;
    const select = makeManifest('select', { made: { adapter: 'adapter', iteration: 400, prompts: 60, ...told } });
    const row = makeRow(over({ have: { ...manifests, select } }));
    expect(row.selection).to.deep.equal(told);
    expect(row.checkpoint).to.equal(400);
  });

  it('sums the seconds of all attempts, also those before a retry', () => {
    const journal: JournalLine[] = [
      failed('train', { retry_at: null }),
      { event: 'row', at: at(6) },
      { event: 'retried', at: at(7), stage: null },
      { event: 'started', at: at(8) },
      committed('train', 2500, 2),
      committed('fuse', 1),
      committed('cleanup', 1),
      committed('eval', 4),
    ];
    const row = makeRow(over({ journal }));
    expect(row.seconds).to.deep.equal({ train: 2660, fuse: 1, cleanup: 1, eval: 4 });
    expect(row.status).to.equal('done');
    expect(row.started).to.equal(at(1));
  });

  it('judges gate and outcome by the figures of this run', () => {
    const criteria = { gate: 'overall >= 82.4 && domain > baseline.domain', outcomes: [] };
    const baseline = { name: '33b', overall: 82.4, categories: { domain: 60 } };
    expect(makeRow(over({ run: { criteria, baseline } }))).to.include({ verdict: 'pass', verdict_reason: null });
    const { settings } = makeRun();
    const strict = { ...settings, eval: { ...settings.eval, score_by: 'strict' as const } };
    expect(makeRow(over({ run: { criteria, baseline, settings: strict } })).verdict).to.equal('fail');
  });

  it('judges by strict figures of the base where the run is scored strictly', () => {
    const { settings } = over({}).state.run;
    const strict = { ...settings, eval: { ...settings.eval, score_by: 'strict' as const } };
    const judged = (gate: string, have = manifests) =>
      makeRow(over({ run: { criteria: { gate, outcomes: [] }, settings: strict }, have }));
    expect(judged('domain - base.domain > 44 && base.overall < 21')).to.include({ verdict: 'pass' });
    expect(judged('domain - base.domain > 46')).to.include({ verdict: 'fail', verdict_reason: null });
    const { strict_categories: _none, ...old } = base;
    const { eval: evaluated } = manifests;
    const before = makeManifest('eval', { ...evaluated, made: { ...evaluated?.made, base: old } });
    const row = judged('domain > base.domain', { ...manifests, eval: before });
    expect(row.base).to.deep.equal({ ...old, strict_categories: null });
    expect(row.verdict_reason).to.contain('base.domain not known');
  });

  it('takes the means of a phase as baseline, of its plain done runs, when the verdict is made', () => {
    const criteria = { gate: 'overall > baseline.overall', outcomes: [] };
    const rows = [
      exampleRow({ phase: '33b', run: '33b-s0', overall: 80, strict: 10, categories: { git: 90 } }),
      exampleRow({ phase: '33b', run: '33b-s1', overall: 84, strict: 30, categories: { git: 100 } }),
      exampleRow({ phase: '33b', run: '33b-s0-q4', variant: 'q4', overall: 1 }),
      exampleRow({ phase: '33b', run: '33b-s2', status: 'failed', overall: null }),
    ];
    const row = makeRow({ ...over({ run: { criteria, baseline: '33B' } }), rows });
    expect(row.baseline).to.deep.equal({ name: '33B', overall: 82, categories: { git: 95 }, comparable: true });
    expect(row.verdict).to.equal('pass');
    const [first, ...others] = rows;
    const changed = first === undefined ? rows : [{ ...first, eval_identity: 'f'.repeat(64) }, ...others];
    expect(makeRow({ ...over({ run: { baseline: '33B' } }), rows: changed }).baseline?.comparable).to.equal(false);
    // a row that recorded more than this one is not different
    const newer = rows.map((one) => ({
      ...one,
      eval_identity: 'f',
      eval_parts: { exam: row.eval_identity ?? '', prompts: 'e' },
    }));
    expect(makeRow({ ...over({ run: { baseline: '33B' } }), rows: newer }).baseline?.comparable).to.equal(true);
    const none = makeRow(over({ run: { criteria, baseline: '33b' } }));
    expect(none.baseline).to.deep.equal({ name: '33b', overall: null, categories: {}, comparable: null });
    expect(none.verdict).to.equal(null);
    expect(none.verdict_reason).to.contain('baseline has no rows');
  });

  it('keeps what a failed run has: its error with the last 20 lines, scores unknown, no verdict', () => {
    const criteria = { gate: 'overall > 3', outcomes: [] };
    const have = { train: manifests.train! };
    const row = makeRow(
      over({
        have,
        run: { criteria },
        journal: [committed('train', 5), failed('fuse'), failed('fuse', { attempt: 2, retry_at: null })],
      }),
    );
    expect(rowSchema.parse(row)).to.deep.equal(row);
    expect(row).to.include({ status: 'failed', overall: null, verdict: null, verdict_reason: null, checkpoint: 800 });
    expect(row.error).to.deep.include({ code: 'GPU_FAULT', stage: 'fuse', attempt: 2 });
    expect(row.error?.log).to.have.length(20);
    expect(row.error?.log.at(-1)).to.equal('line 29');
    expect(row.seconds).to.deep.equal({ train: 5, fuse: 200 });
    expect(row.bytes).to.include({ final: null, temp_peak: 40 });
  });

  it('has rows for runs that never began', () => {
    const lost: JournalLine[] = [{ event: 'source_failed', at: at(2), message: '43a-s0 failed before train was done' }];
    const row = makeRow({ ...over({ have: {}, journal: lost }) });
    expect(row.error).to.deep.equal({
      code: 'SOURCE_FAILED',
      message: '43a-s0 failed before train was done',
      stage: null,
      attempt: null,
      log: [],
    });
    expect(row.bytes).to.deep.equal({ temp_peak: null, estimated_peak: null, final: null });
    const gone = makeRow({ ...over({ have: {}, journal: [{ event: 'cancelled', at: at(2) }] }) });
    expect(gone).to.include({ status: 'cancelled', overall: null });
    expect(gone.error).to.deep.include({ code: 'CANCELLED', message: 'cancelled before it began', stage: null });
  });

  it('says in which stage a run was cancelled; a cancel after the last commit came too late', () => {
    const journal: JournalLine[] = [committed('train', 5), failed('fuse'), { event: 'cancelled', at: at(9) }];
    const row = makeRow(over({ have: { train: manifests.train! }, journal }));
    expect(row.error).to.deep.include({ code: 'CANCELLED', message: 'cancelled in fuse', stage: 'fuse', attempt: 1 });
    expect(row.error?.log).to.have.length(20);
    expect(makeRow(over({ journal: [{ event: 'cancelled', at: at(9) }] }))).to.include({ status: 'done', error: null });
  });

  it('keeps the modes of each category; an engine that gives none leaves them unknown', () => {
    const modesOf = (changed: object) => {
      const manifest = manifests.eval;
      if (manifest === undefined) throw new Error('there is no eval');
      const made = { ...(manifest.made as object), score: { ...score, ...changed } };
      const { modes, category_modes } = makeRow(over({ have: { ...manifests, eval: { ...manifest, made } } }));
      return { modes, category_modes };
    };
    const category_modes = { domain: modeCounts({ prose: 1 }) };
    expect(modesOf({ modes: modeCounts({ prose: 1 }), category_modes })).to.deep.equal({
      modes: modeCounts({ prose: 1 }),
      category_modes,
    });
    expect(modesOf({ modes: modeCounts({}), category_modes })).to.deep.equal({ modes: null, category_modes: null });
  });

  it('refuses a run that is not over', () => {
    expect(() => makeRow(over({ have: {} }))).to.throw('43a-s0 is not over yet');
  });

  it('takes training, data and checkpoint from the run it comes from, but not its time and disk', () => {
    const chain: StageName[] = ['fuse', 'cleanup', 'eval'];
    const row = makeRow(
      over({ run: { run: '43a-s0-q4', variant: 'q4', chain, from: { run: '43a-s0', after: 'train' } } }),
    );
    expect(row).to.include({ checkpoint: 800, status: 'done' });
    expect(row.custody.data).to.equal('d');
    expect(row.metrics.val_loss).to.equal(0.21);
    expect(row.bytes.temp_peak).to.equal(87);
    expect(row.warnings).to.deep.equal(['359 rows are never seen', 'the base could not be scored']);
  });

  it('begins its warnings with those of the acceptance', () => {
    const row = makeRow({ ...over(), accepted: ['train.iters is empty', '359 rows are never seen'] });
    expect(row.warnings).to.deep.equal([
      'train.iters is empty',
      '359 rows are never seen',
      'the base could not be scored',
    ]);
  });

  it('knows the checkpoint of an adapter from outside, and that base and adapter are the final model of mode none', () => {
    const { settings } = makeRun();
    const none = { ...settings, fuse: { ...settings.fuse, mode: 'none' as const } };
    const adapter = { adapter: '/a', checkpoint: 600, sha256: 'x' };
    expect(makeRow(over({ run: { from: adapter, chain: ['fuse', 'cleanup', 'eval'] } })).checkpoint).to.equal(600);
    const { fuse, eval: evaluated } = manifests;
    const have = { ...(fuse && { fuse }), ...(evaluated && { eval: evaluated }) };
    const later = over({ run: { from: { run: 'a-s0', after: 'fuse' }, chain: ['eval'] }, have });
    expect(makeRow({ ...later, outside: adapter }).checkpoint, 'that of the run it comes from').to.equal(600);
    const raw = makeRow(over({ run: { settings: none, chain: ['train', 'cleanup', 'eval'] } }));
    expect(raw.bytes.final).to.equal(30);
  });
});
