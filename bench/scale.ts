import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Figures, measure } from './scale/measure.ts';
import { makeWorkspace } from './scale/workspace.ts';

/*
 * `npm run bench -- scale [RUNS ...]`: what workspaces of 100, 1,000 and 10,000 finished runs cost. It needs dist/
 * (`npm run build`), and a quiet machine. Exit code 1 when a figure is over its bar.
 */

interface Measure {
  readonly key: keyof Figures;
  readonly name: string;
  readonly unit: string;
  readonly bar: number;
  /** More runs than this have no bar. */
  readonly upTo?: number;
  /** Of version 0.1.0 at 100, 1,000 and 10,000 runs, where it was measured. */
  readonly before: Readonly<Record<number, string>>;
}

const failed = 'RangeError, for ever';

const measures: readonly Measure[] = [
  { key: 'status', name: 'status', unit: 's', bar: 2, before: { 100: '0.8', 1000: '0.9', 10000: '5.0' } },
  { key: 'statusMb', name: 'memory of status', unit: 'MB', bar: 200, before: {} },
  { key: 'start', name: 'start of up', unit: 's', bar: 2, before: { 100: '0.7', 1000: '0.8', 10000: '2.8' } },
  { key: 'firstTool', name: 'drop to first tool', unit: 's', bar: 1, before: {} },
  {
    key: 'pages',
    name: 'row to its pages, in a process of their own',
    unit: 's',
    bar: 3,
    before: { 1000: failed, 10000: failed },
  },
  { key: 'upMb', name: 'memory of up at its peak', unit: 'MB', bar: 250, upTo: 1000, before: { 1000: '458-546' } },
  { key: 'reportMb', name: 'report.html', unit: 'MB', bar: 2, before: { 1000: failed, 10000: failed } },
];

const line = (cells: readonly string[]): string =>
  `${cells.map((cell, column) => cell.padEnd([8, 44, 10, 8][column] ?? 0)).join('')}`.trimEnd();

async function figuresOf(runs: number): Promise<Figures> {
  const root = await mkdtemp(join(tmpdir(), 'phasebox-scale-'));
  try {
    await makeWorkspace(root, runs);
    return await measure(root);
  } finally {
    await rm(root, { recursive: true });
  }
}

const sizes = process.argv.slice(3).map(Number);
console.log(
  `${cpus().length} cores, load ${loadavg()[0]?.toFixed(1)} before the first figure; times grow with the load\n`,
);
console.log(line(['runs', '', 'measured', 'bar', '0.1.0']));
for (const runs of sizes.length > 0 ? sizes : [100, 1000, 10_000]) {
  const figures = await figuresOf(runs);
  for (const { key, name, unit, bar, upTo = Number.POSITIVE_INFINITY, before } of measures) {
    const isOver = figures[key] > bar && runs <= upTo;
    const digits = unit === 'MB' && bar > 100 ? 0 : 1;
    const measured = `${figures[key].toFixed(digits)} ${unit}`;
    console.log(
      line([String(runs), name, measured, runs <= upTo ? `<= ${bar}` : '-', before[runs] ?? '-']) +
        (isOver ? '   OVER' : ''),
    );
    if (isOver) process.exitCode = 1;
  }
}
