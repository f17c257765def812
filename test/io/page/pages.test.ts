import { appendFile, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { execa } from 'execa';
import { upsertRow } from '../../../src/io/artifacts/results-store.ts';
import { writePages } from '../../../src/io/page/pages.ts';
import { contentHash } from '../../../src/io/thread/content-hash.ts';
import { makeManifest, makeRow, makeRun, modeCounts } from '../../helpers/rows.ts';
import { tempDir } from '../../helpers/temp.ts';

const suiteText = 'suite: demo\nprompts:\n  - { id: p1, category: git, prompt: Show the log, expect: [git_log] }\n';

async function writeEvaluated(artifacts: string, suite: string, phase: string): Promise<void> {
  const run = makeRun({ run: `${phase}-s0`, phase });
  run.settings.eval.suite = suite;
  const stage = join(artifacts, phase, run.run, '6-eval');
  await mkdir(stage, { recursive: true });
  const score = {
    overall: 100,
    strict: 100,
    categories: { git: 100 },
    strict_categories: { git: 100 },
    modes: modeCounts({ wrapped: 1 }),
    prompts: [{ id: 'p1', repeat: 0, score: 1, strict: 1, mode: 'wrapped' }],
  };
  const made = {
    answers: 'answers.jsonl',
    score,
    eval_identity: 'e',
    suite_sha256: await contentHash(suite),
    base: null,
  };
  const response = { choices: [{ message: { content: 'git_log() it is' } }] };
  const answer = { prompt: 'p1', repeat: 0, response, error: null, seconds: 1, attempt: 1, max_tokens: 9 };
  const record = {
    version: 1,
    phase,
    accepted: phase === 'zz' ? '2026-01-01T00:00:00.000Z' : '2026-01-02T00:00:00.000Z',
    file: 'x',
    config: { phase, title: `title of ${phase}`, criteria: { gate: 'overall > 80' }, eval: {} },
    criteria_sha256: 'c',
    runs: [run.run, `${phase}-s1`],
  };
  await writeFile(join(artifacts, phase, run.run, 'run.json'), JSON.stringify(run));
  await writeFile(join(stage, 'manifest.json'), JSON.stringify(makeManifest('eval', { made })));
  await writeFile(join(stage, 'answers.jsonl'), `${JSON.stringify(answer)}\n`);
  await writeFile(join(artifacts, phase, 'phase.json'), JSON.stringify(record));
  await upsertRow(artifacts, makeRow({ run: run.run, phase, overall: 100 }), () => 1);
}

describe('writePages', () => {
  let artifacts = '';
  let suite = '';
  beforeEach(async () => {
    artifacts = await tempDir('pages');
    suite = join(artifacts, '.suite.yaml');
    await writeFile(suite, suiteText);
  });
  const read = (...path: string[]) => readFile(join(artifacts, ...path), 'utf8');

  it('are written where artifacts/ is kept elsewhere by a link; what is a copy of a phase under another name is left out', async () => {
    const root = await tempDir('linked');
    const [artifacts, suite] = [join(root, 'artifacts'), join(root, 'suite.yaml')];
    await mkdir(join(root, 'elsewhere'));
    await symlink(join(root, 'elsewhere'), artifacts);
    await writeFile(suite, suiteText);
    await writeEvaluated(artifacts, suite, 'a');
    const record = JSON.parse(await readFile(join(artifacts, 'a', 'phase.json'), 'utf8'));
    await mkdir(join(artifacts, 'b'));
    await writeFile(join(artifacts, 'b', 'phase.json'), JSON.stringify(record));
    const { rendered, warnings } = await writePages({ artifacts });
    expect(rendered).to.contain('title of a');
    expect(warnings.join()).to.match(/b\/phase\.json cannot be read, .*it is the record of phase a$/);
  });

  it('renders what is on disk, phases in order of acceptance, with links to all answers', async () => {
    for (const phase of ['aa', 'zz']) await writeEvaluated(artifacts, suite, phase);
    const { path, rendered, warnings } = await writePages({ artifacts });
    expect(warnings).to.deep.equal([]);
    expect(path).to.equal(join(artifacts, 'COMPARISON.md'));
    expect(await read('COMPARISON.md')).to.contain(rendered.trimEnd());
    expect(rendered).to.contain('# zz (title of zz) vs. aa (title of aa)');
    expect(rendered).to.contain(
      '**zz passes its gate** with an overall score of 100.0 (1 run). With only one done run, the variance between runs cannot be estimated. 1 of 2 runs not finished yet.',
    );
    expect(rendered).to.contain('[zz](zz/answers.md), [aa](aa/answers.md)');
    expect(await read('aa', 'answers.md'))
      .to.contain('Show the log')
      .and.to.contain('git_log() it is');
    const again = await writePages({ artifacts });
    expect(again.rendered).to.equal(rendered);
  });

  it('writes custody, plots and HTML next to it, the same bytes again for the same rows', async () => {
    await writeEvaluated(artifacts, suite, 'aa');
    await writePages({ artifacts });
    await appendFile(join(artifacts, 'COMPARISON.md'), '\nMine: <b>keep</b>\n');
    await writePages({ artifacts });
    const files = ['report.html', 'runs.md', 'runs.html', 'how.html', 'aa/answers.html', 'plots/overall.svg'];
    const before = await Promise.all(files.map((file) => read(file)));
    expect(before[0]).to.contain('Mine: &lt;b>keep').and.to.contain('<svg ').and.to.contain('href="aa/answers.html"');
    expect(before[1]).to.contain('## aa-s0');
    expect(await read('COMPARISON.md')).to.contain('](plots/overall.svg)');
    await writePages({ artifacts });
    expect(await Promise.all(files.map((file) => read(file)))).to.eql(before);
    await rm(join(artifacts, 'results.jsonl'));
    await writePages({ artifacts });
    expect(await readdir(join(artifacts, 'plots')), 'plots that nothing is left for').to.eql([]);
  });

  it('does not show a prompt of a suite that was changed or removed since', async () => {
    await writeEvaluated(artifacts, suite, 'aa');
    await writeFile(suite, suiteText.replace('Show', 'Hide'));
    await writePages({ artifacts });
    expect(await read('aa', 'answers.md'))
      .to.contain('The suite was changed or deleted')
      .and.to.contain('git_log() it is');
    await rm(suite);
    await writePages({ artifacts });
    expect(await read('aa', 'answers.md')).to.contain('The suite was changed or deleted');
  });

  it('renders the answers of one phase alone, and keeps the links to the others', async () => {
    for (const phase of ['aa', 'zz']) await writeEvaluated(artifacts, suite, phase);
    await writePages({ artifacts });
    for (const phase of ['aa', 'zz']) await writeFile(join(artifacts, phase, 'answers.md'), 'old');
    const { rendered } = await writePages({ artifacts }, new Set(['aa']));
    expect(await read('zz', 'answers.md')).to.equal('old');
    expect(await read('aa', 'answers.md')).to.contain('git_log() it is');
    expect(rendered).to.contain('zz/answers.md');
  });

  it('makes a page of what can be read, and says what cannot', async () => {
    await writeEvaluated(artifacts, suite, 'aa');
    await writeFile(join(artifacts, 'aa', 'phase.json'), '{"torn');
    await appendFile(join(artifacts, 'results.jsonl'), '{"torn');
    const { rendered, warnings } = await writePages({ artifacts });
    expect(warnings).to.have.length(2);
    expect(warnings.join('\n')).to.contain('line 2 of results.jsonl').and.to.contain('phase.json cannot be read');
    expect(rendered)
      .to.contain('**aa** has an overall score of 100.0 (1 run).')
      .and.to.contain('line 2 of results.jsonl');
  });

  it('makes an empty page in an empty workspace', async () => {
    expect((await writePages({ artifacts })).rendered).to.equal('# Comparison: no run is finished yet\n');
  });
});

describe('phasebox report', () => {
  it('prints where the page is, or the page', async () => {
    const root = await tempDir('report');
    await mkdir(join(root, 'artifacts'));
    await upsertRow(join(root, 'artifacts'), makeRow(), () => 1);
    const run = (options: object) => {
      const script = `import { report } from './src/commands/report.ts';
        await report({ root: ${JSON.stringify(root)}, artifacts: ${JSON.stringify(join(root, 'artifacts'))},
          inbox: '', state: '', config: {} }, ${JSON.stringify(options)});`;
      return execa(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script]);
    };
    const page = join(root, 'artifacts', 'COMPARISON.md');
    expect((await run({ print: false })).stdout).to.equal(page);
    const { stdout } = await run({ print: true });
    expect(stdout).to.match(/^# 43a\n\n- \*\*43a\*\* has an overall score of 82\.4/);
    expect(await readFile(page, 'utf8')).to.contain(stdout);
  });
});
