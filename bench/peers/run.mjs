// The same night and the same kill script for phasebox and two peers: node bench/peers/run.mjs [--help]
import { execFileSync } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { managers } from './managers.mjs';
import { cases, playNight } from './night.mjs';
import { table } from './table.mjs';

const usage = `node bench/peers/run.mjs [options]
  --rounds N        nights of each case and manager, each hurt at another stage (default 1, at most 5)
  --manager TEXT    only managers whose name begins so; may be given again
  --case TEXT       only cases that contain this
  --beside N        nights at once (default 2)
  --snakemake PATH  default snakemake    --tsp PATH  default tsp
  --program PATH    default dist/phasebox.js (made by node scripts/build.mjs)
  --out FILE        each night as a line of JSON`;
const { values } = parseArgs({
  options: {
    help: { type: 'boolean' },
    rounds: { type: 'string', default: '1' },
    manager: { type: 'string', multiple: true, default: Object.keys(managers) },
    case: { type: 'string', default: '' },
    beside: { type: 'string', default: '2' },
    snakemake: { type: 'string', default: 'snakemake' },
    tsp: { type: 'string', default: 'tsp' },
    program: { type: 'string', default: join(import.meta.dirname, '../../dist/phasebox.js') },
    out: { type: 'string' },
  },
});
if (values.help) {
  console.log(usage);
  process.exit(0);
}

const python = execFileSync('python3', ['-c', 'import os, sys; print(os.path.realpath(sys.executable))'], {
  encoding: 'utf8',
}).trim();
const tools = { python, snakemake: values.snakemake, tsp: values.tsp, program: values.program };
/** Where a night is hurt, by round. A server has no output file to leave half, and eval may be a night's last stage. */
const places = ['A train', 'B quantize', 'A eval', 'A fuse', 'B train'];
const placeOf = (kind, round) => {
  const place = places[round % places.length];
  if (place !== 'A eval') return place;
  return cases[kind].leave || kind.includes('between') ? 'A quantize' : place;
};

const nights = Object.keys(cases)
  .filter((kind) => kind.includes(values.case))
  .flatMap((kind) =>
    Array.from({ length: Number(values.rounds) }, (_, round) =>
      Object.keys(managers)
        .filter((name) => values.manager.some((wanted) => name.startsWith(wanted)))
        .map((name) => ({ name, kind, where: placeOf(kind, round), tools })),
    ).flat(),
  );
const results = [];
const waiting = [...nights];
await Promise.all(Array.from({ length: Number(values.beside) }, work));
console.log(table(results));

async function work() {
  for (let night = waiting.shift(); night !== undefined; night = waiting.shift()) {
    const result = await playNight(night).catch((error) => ({ ...night, error: String(error.stack) }));
    results.push(result);
    if (values.out) appendFileSync(values.out, `${JSON.stringify({ ...result, tools: undefined })}\n`);
    process.stderr.write(
      `${results.length}/${nights.length} ${night.name}: ${night.kind} at ${night.where}${result.error ? `: ${result.error}` : ''}\n`,
    );
  }
}
