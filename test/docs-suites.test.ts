import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { parse } from 'yaml';
import { readSuite } from '../src/core/config/read-suite.ts';
import { readScorableAnswers } from '../src/core/score/answers.ts';
import { scoreSuite } from '../src/core/score/score.ts';
import { scoreByCommand, scorerInput } from '../src/core/score/scorer.ts';
import { baseline } from '../src/events/phase.ts';
import type { Suite } from '../src/events/suite.ts';
import { packageRoot } from '../src/io/host/package-root.ts';
import { xml } from './helpers/answers.ts';
import { tempDir } from './helpers/temp.ts';

const call = promisify(execFile);

/** The blocks of a language below "From your own eval", in their order. */
async function blocksOf(language: string): Promise<string[]> {
  const page = await readFile(join(packageRoot().folder, 'docs/suites.md'), 'utf8');
  const [section = ''] = (page.split('\n## From your own eval\n')[1] ?? '').split(/^## /m);
  const blocks = [...section.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)];
  return blocks.flatMap(([, name, text]) => (name === language ? [text ?? ''] : []));
}

/** A folder in which the page's eval and its ten lines were run, with one more case. */
async function converted(cases = ''): Promise<{ folder: string; suite: Suite }> {
  const folder = await tempDir('own-eval');
  const [own = '', tenLines = ''] = await blocksOf('python');
  await mkdir(join(folder, 'suites'));
  await writeFile(join(folder, 'eval_33b.py'), own.replace(/\]\n$/, `${cases}]\n`));
  await call('python3', ['-c', tenLines], { cwd: folder });
  const read = readSuite(await readFile(join(folder, 'suites/eval-33b.yaml')), 'eval-33b.yaml');
  if (!('suite' in read)) throw new Error(JSON.stringify(read.problems));
  return { folder, suite: read.suite };
}

const python = (code: string): string => xml('execute_code', code);

describe('docs/suites.md, "From your own eval"', () => {
  it('turns prompts, keywords, alternatives and budgets into a suite in ten lines', async () => {
    const [, tenLines = ''] = await blocksOf('python');
    expect(tenLines.split('\n').filter((line) => line !== '')).to.have.lengthOf(10);
    const odd =
      '    {"category": "odd", "question": "\\"Größe\\" # 🙂\\n- a: b", "expected": [["größe", "🙂"]], "budget": 1},\n';
    const { suite } = await converted(odd);
    expect(suite).to.deep.include({ suite: 'eval-33b', wrapper: 'execute_code' });
    expect(suite.system).to.match(/^You are a coding agent\./);
    const any = { match: 'any' };
    expect(suite.prompts).to.deep.equal([
      {
        id: 'q1',
        category: 'text_tools',
        prompt: 'Show me a.py.',
        max_tokens: 300,
        ...any,
        expect: ['read_file', 'run_command'],
      },
      {
        ...{ id: 'q2', category: 'multi_tool', prompt: 'Check a.py, then lint it.', max_tokens: 900 },
        ...{ match: 'all', expect: ['typecheck', 'ruff_check'] },
      },
      {
        ...{ id: 'q3', category: 'multi_tool', prompt: 'Check a.py, then test it.', max_tokens: 900, ...any },
        assert: [['typecheck'], ['pytest', 'run_tests']].map((value) => ({ type: 'contains-any', value, weight: 1 })),
      },
      { id: 'q4', category: 'odd', prompt: '"Größe" # 🙂\n- a: b', max_tokens: 1, ...any, expect: ['größe', '🙂'] },
    ]);
  });

  it('scores the answers that the eval kept, by its own rules too', async () => {
    const { folder, suite } = await converted();
    const [, , keep = '', own = ''] = await blocksOf('python');
    const answers = [
      ['q1', python("run_command('cat a.py')")],
      ['q2', python("typecheck('a.py')")],
      ['q3', python("typecheck('a.py'); run_tests()")],
    ];
    await writeFile(join(folder, 'kept_33b.py'), `ANSWERS = ${JSON.stringify(answers)}\n`);
    await call('python3', ['-c', keep], { cwd: folder });
    const kept = readScorableAnswers(await readFile(join(folder, 'answers-33b.jsonl'), 'utf8'));
    expect(kept.problems).to.deep.equal([]);
    const scored = scoreSuite(suite, kept.answers);
    expect(scored.ok && scored.score.prompts.map(({ score }) => score)).to.deep.equal([1, 0.6, 1]);

    await writeFile(
      join(folder, 'grade_33b.py'),
      'def grade(prompt, text):\n    return 0.25 if "typecheck" in text else 0\n',
    );
    const scoring = call('python3', ['-c', own], { cwd: folder });
    scoring.child.stdin?.end(scorerInput(suite, kept.answers));
    const graded = scoreByCommand(suite, kept.answers, { text: (await scoring).stdout });
    expect(graded.ok && graded.score.prompts.map(({ score }) => score)).to.deep.equal([0, 0.25, 0.25]);
  });

  it('gives the old figure as a baseline on that suite', async () => {
    const [config = ''] = await blocksOf('yml');
    expect(baseline.parse(parse(config).baseline)).to.deep.include({ overall: 82.4, suite: parse(config).eval.suite });
  });
});
