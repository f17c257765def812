import { type Simulation, simulate, simulations, standardError } from './stats/simulations.ts';

/* `npm run bench:stats`: simulates what `how.md` says of each method. Exit code 1 when a bar is missed. */

const repetitions = 20_000;

function told(bar: Simulation['bar']): string {
  if (bar === null) return '-';
  if (bar.low === 0) return `<= ${bar.high}`;
  return bar.high === 100 ? `>= ${bar.low}` : `${bar.low}-${bar.high}`;
}

function verdict(bar: Simulation['bar'], figure: number): string {
  if (bar === null) return '';
  return bar.low <= figure && figure <= bar.high ? 'ok' : 'MISSED';
}

const width = Math.max(...simulations.map(({ name }) => name.length));
const line = (cells: readonly [string, string, string, string]): string =>
  `${cells[0].padEnd(width)}  ${cells[1].padStart(6)}  ${cells[2].padEnd(9)}  ${cells[3]}`.trimEnd();

process.stdout.write(
  `${repetitions.toLocaleString('en-US')} repetitions, fixed seed; a figure of 95 is off by up to ` +
    `${(2 * standardError(95, repetitions)).toFixed(1)}, one of 50 by up to ${(2 * standardError(50, repetitions)).toFixed(1)}\n`,
);
process.stdout.write(`${line(['in % of repetitions', 'figure', 'bar', ''])}\n`);
for (const simulation of simulations) {
  const figure = simulate(simulation, repetitions);
  const outcome = verdict(simulation.bar, figure);
  if (outcome === 'MISSED') process.exitCode = 1;
  process.stdout.write(`${line([simulation.name, figure.toFixed(2), told(simulation.bar), outcome])}\n`);
}
