import { appendFile, copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { judge } from '../../src/core/config/criteria.ts';
import { readSuite } from '../../src/core/config/read-suite.ts';
import { figuresOf } from '../../src/core/run/figures.ts';
import { scoreSuite } from '../../src/core/score/score.ts';
import type { Row } from '../../src/events/row.ts';
import type { Run } from '../../src/events/run.ts';
import type { Answer, Prompt, Suite } from '../../src/events/suite.ts';
import { textHash as hash } from '../../src/io/disk/hash.ts';
import { contentHash } from '../../src/io/thread/content-hash.ts';
import { answerOf, completion, hermes, said, xml } from '../helpers/answers.ts';
import { night, nightPhases } from '../helpers/night.ts';
import { makeManifest, makeRun } from '../helpers/rows.ts';

/** What the phase's texts and one model's answer may try; each must be shown as text. */
export const hostile =
  '<img src=x onerror=alert(1)> [x](javascript:alert(1)) **bold** </details><script>alert(1)</script>';

const suiteFile = resolve('suites/agent-27.yaml');

/** How a run answers, prompt by prompt: w wrapped, d direct call, p prose with the name, t thoughts, x wrong tool. */
const ways: Readonly<Record<string, string>> = {
  '43a-s0': 'wwwwwwwwwwwwwwwwwwwwdwxdwxx',
  '43a-s1': 'dddddddddddttdtdddtdttdtddw',
  '43a-s2': 'pppppdpxxppddxpxxxxpxxxpxxx',
  '43b-s0': 'xpxxxpxxxxpxxpxxpxxxxxxxxxx',
  '43b-s2': 'xxpxdxppxxpxxdxxpxpxxpxxxpx',
};

function answer(prompt: Prompt, way: string, seconds: number): Answer {
  const name = prompt.expect?.[0] ?? 'read_file';
  const content: Readonly<Record<string, string>> = {
    w: hermes('execute_code', { code: (prompt.expect ?? [name]).map((one) => `print(${one}('src'))`).join('\n') }),
    d: xml(name, 'src/billing/invoice.py'),
    p: `You could use ${name} for this. It lists what you need; tell me when you want to go on.`,
    t: `<think>Okay, the user wants me to check this. I should think about ${name} first.`,
    x: hermes('execute_code', { code: `print('I do not know ${hostile}')` }),
  };
  const given = way === 't' ? answerOf(completion({ content: content.t })) : said(content[way] ?? '');
  return { ...given, prompt: prompt.id, repeat: 0, seconds };
}

const trainLog = (seed: number): string =>
  Array.from({ length: 80 }, (_, index) => {
    const iteration = 10 * (index + 1);
    const loss = 0.12 + (1.9 - 0.1 * seed) * Math.exp(-index / (14 + seed)) + 0.03 * Math.sin(index * (seed + 2));
    const val = 0.18 + 1.2 * Math.exp(-index / 12) + 0.12 * Math.abs(Math.sin(index + seed));
    const line = `Iter ${iteration}: Train loss ${loss.toFixed(3)}, Learning Rate 1.000e-04, It/sec 0.3, Tokens/sec 90.0, Trained Tokens ${iteration * 300}, Peak mem 21.4 GB`;
    return iteration % 50 === 0 ? `${line}\nIter ${iteration}: Val loss ${val.toFixed(3)}, Val took 9.1s` : line;
  }).join('\n');

/** The journal's lines of the stages: one after the other up to the row's end; fuse failed once in 43a-s2, for good in 43b-s1. */
function journal(row: Row): string {
  const stages = Object.entries(row.seconds);
  const all = stages.reduce((sum, [, seconds]) => sum + seconds, 0);
  let clock = Date.parse(row.ended) - 1000 * all;
  const lines = stages.flatMap(([stage, seconds]) => {
    const failed = stage === 'fuse' && row.run === '43a-s2';
    const parts = failed ? [seconds / 2, seconds / 2] : [seconds];
    return parts.map((part, index) => {
      clock += 1000 * part;
      const line = { at: new Date(clock).toISOString(), stage, attempt: index + 1, seconds: part };
      const lost = row.status === 'failed' && stage === 'fuse';
      if (index === parts.length - 1 && !lost) return { event: 'committed', ...line };
      return { event: 'failed', ...line, code: 'GPU_FAULT', message: 'm', log: [], retry_at: line.at };
    });
  });
  return lines.map((line) => `${JSON.stringify(line)}\n`).join('');
}

function custody(row: Row): Row['custody'] {
  return {
    ...{ data: hash('data'), base: hash(row.phase), adapter: hash(`a${row.run}`), iteration: 800, resume: null },
    ...{ model: hash(`m${row.run}`), suite: hash('suite'), config: hash(`c${row.phase}`) },
    ...{ prompts: hash(`p${row.phase}`), prompts_date: null },
    server: { name: 'server', nonce: hash(`n${row.run}`).slice(0, 32), model_id: 'default_model', answers: 27 },
    host: { name: 'mini.local', system: 'darwin 25.1.0 arm64', cpu: 'Apple M4 Pro', memory_bytes: 64 * 2 ** 30 },
  };
}

async function writeRun(artifacts: string, row: Row, suite: Suite): Promise<Row> {
  const run: Run = makeRun({ run: row.run, phase: row.phase, seed: row.seed ?? 0 });
  run.settings.eval.suite = join(artifacts, '.suite.yaml');
  const folder = join(artifacts, row.phase, row.run);
  await mkdir(join(folder, '1-train'), { recursive: true });
  await mkdir(join(folder, '6-eval'));
  await writeFile(join(folder, 'run.json'), JSON.stringify(run));
  await writeFile(join(folder, 'journal.jsonl'), journal(row));
  await writeFile(join(folder, '1-train/log.txt'), trainLog(row.seed ?? 0));
  if (row.status !== 'done') return row;
  const answers = suite.prompts.map((prompt, index) => answer(prompt, ways[row.run]?.[index] ?? 'x', 2 + (index % 7)));
  const scored = scoreSuite(suite, answers);
  if (!scored.ok) throw new Error('the answers do not fit the suite');
  const made = {
    ...{ answers: 'answers.jsonl', score: scored.score, eval_identity: 'e'.repeat(64), base: null },
    suite_sha256: await contentHash(run.settings.eval.suite),
  };
  await writeFile(join(folder, '6-eval/manifest.json'), JSON.stringify(makeManifest('eval', { run: row.run, made })));
  await writeFile(join(folder, '6-eval/answers.jsonl'), answers.map((one) => `${JSON.stringify(one)}\n`).join(''));
  const { overall, strict, categories, strict_categories, modes, category_modes = null } = scored.score;
  const scores = { overall, strict, categories, strict_categories, modes, category_modes };
  const facts = { ...row, ...scores, custody: custody(row) };
  const criteria = nightPhases.find(({ phase }) => phase === row.phase)?.criteria ?? { outcomes: [] };
  const { verdict, outcome, reason } = judge(criteria, figuresOf(facts));
  return { ...facts, verdict, outcome, verdict_reason: reason };
}

/** Versions, and starts that fit the ends. */
function timed(row: Row): Row {
  const all = Object.values(row.seconds).reduce((sum, seconds) => sum + seconds, 0);
  const versions = { mlx: '0.32.4', mlx_lm: '0.32.2', transformers: '5.1.0', python: '3.12.7', phasebox: '0.1.0' };
  const { temp_peak, estimated_peak, final } = row.bytes;
  const whole = (value: number | null) => (value === null ? null : Math.round(value));
  const bytes = { temp_peak: whole(temp_peak), estimated_peak: whole(estimated_peak), final: whole(final) };
  return { ...row, started: new Date(Date.parse(row.ended) - 1000 * all).toISOString(), versions, bytes };
}

/** A night on the disk, as its runs would have left it: answers, logs, journals, rows; no page yet. */
export async function writeNight(artifacts: string, { title }: { readonly title: string }): Promise<void> {
  await mkdir(artifacts, { recursive: true });
  await copyFile(suiteFile, join(artifacts, '.suite.yaml'));
  const read = readSuite(await readFile(suiteFile, 'utf8'), suiteFile);
  if (!('suite' in read)) throw new Error('the suite cannot be read');
  const last = night.find(({ run }) => run === '43b-s0');
  if (last === undefined) throw new Error('the night has no 43b-s0');
  const more: Row = { ...last, run: '43b-s2', seed: 2, ended: '2026-11-22T04:22:00.000Z' };
  for (const row of [...night, more].map(timed)) {
    const written = await writeRun(artifacts, row, read.suite);
    await appendFile(join(artifacts, 'results.jsonl'), `${JSON.stringify(written)}\n`);
  }
  for (const { phase, accepted, runs, hypothesis, criteria, title: own } of nightPhases) {
    const config = { phase, title: phase === '43b' ? title : own, hypothesis, criteria };
    const record = { version: 1, phase, accepted, file: 'x', config, criteria_sha256: 'c', runs };
    await writeFile(join(artifacts, phase, 'phase.json'), JSON.stringify(record));
  }
}
