import { cp, link, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { PhaseRecord } from '../../src/events/run.ts';
import { packageRoot } from '../../src/io/host/package-root.ts';

/*
 * A workspace of many finished runs, made from runs that a real night left (test/fixtures/workspace-0.1.0): their plans,
 * manifests, journals, answers and rows, under other names, numbers, times and scores.
 */

const source = packageRoot().folder;
const fixture = join(source, 'test/fixtures/workspace-0.1.0/artifacts');
const seeds = 10;
/** One run follows the other: the worst case for everything that is about "the last night". */
const run_ms = 30_000;
const begin = Date.UTC(2026, 0, 1);

interface Template {
  readonly phase: string;
  readonly run: string;
  readonly row: Readonly<Record<string, unknown>>;
  readonly record: PhaseRecord;
  /** By path within the run's folder. */
  readonly texts: ReadonlyMap<string, string>;
}

async function readTemplate(run: string): Promise<Template> {
  const phase = run.replace(/-s\d+$/, '');
  const folder = join(fixture, phase, run);
  const texts = new Map<string, string>();
  for (const name of await readdir(folder, { recursive: true }))
    if (/manifest\.json$|^run\.json$|^journal\.jsonl$/.test(name))
      texts.set(name, await readFile(join(folder, name), 'utf8'));
  const lines = (await readFile(join(fixture, 'results.jsonl'), 'utf8')).trim().split('\n');
  const row = lines.map((line) => JSON.parse(line)).find((one) => one.run === run);
  return { phase, run, row, record: JSON.parse(await readFile(join(fixture, phase, 'phase.json'), 'utf8')), texts };
}

/** A run of the workspace to be made. */
interface Place {
  readonly root: string;
  readonly template: Template;
  readonly phase: string;
  readonly seed: number;
  readonly number: number;
}

const nameOf = ({ phase, seed }: Place): string => `${phase}-s${seed}`;
const endOf = ({ number }: Place): string => new Date(begin + number * run_ms).toISOString();

/** What a template says, of this run. */
function renamed(text: string, place: Place): string {
  const { phase, run } = place.template;
  return text
    .replaceAll('/home/user/night', place.root)
    .replaceAll(`/${phase}/`, `/${place.phase}/`)
    .replaceAll(run, nameOf(place))
    .replaceAll(`"${phase}"`, `"${place.phase}"`);
}

/** The template's times, moved so that its row comes at the end of this run's. */
function moved(text: string, place: Place): string {
  const by = Date.parse(endOf(place)) - Date.parse(String(place.template.row.ended));
  return text.replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, (at) =>
    new Date(Date.parse(at) + by).toISOString(),
  );
}

/** Scores that differ as those of seeds do, the same in every call. */
const noise = (number: number): number => ((number * 7919) % 101) / 10 - 5;

function rowOf(place: Place): string {
  const { row } = place.template;
  const made = {
    ...row,
    seed: place.seed,
    overall: typeof row.overall === 'number' ? row.overall + noise(place.number) : null,
    custody: { ...(row.custody as object), adapter: place.number.toString(16).padStart(64, '0') },
  };
  return moved(renamed(JSON.stringify(made), place), place);
}

async function writeRun(place: Place): Promise<void> {
  const folder = join(place.root, 'artifacts', place.phase, nameOf(place));
  for (const [name, text] of place.template.texts) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    const own = name === 'run.json' ? planOf(text, place) : moved(renamed(text, place), place);
    await writeFile(join(folder, name), own);
  }
  if (place.template.row.status !== 'done') return;
  const answers = join(fixture, place.template.phase, place.template.run, '6-eval/answers.jsonl');
  await link(join(place.root, 'answers.jsonl'), join(folder, '6-eval/answers.jsonl')).catch(() =>
    cp(answers, join(folder, '6-eval/answers.jsonl')),
  );
  await link(join(place.root, 'log.txt'), join(folder, '1-train/log.txt'));
}

function planOf(text: string, place: Place): string {
  const plan = { ...JSON.parse(moved(renamed(text, place), place)), seed: place.seed, number: place.number };
  return `${JSON.stringify(plan, null, 2)}\n`;
}

async function writePhase(places: readonly Place[]): Promise<void> {
  const [first] = places;
  if (first === undefined) return;
  for (const place of places) await writeRun(place);
  const record = { ...first.template.record, phase: first.phase, accepted: endOf(first), runs: places.map(nameOf) };
  const folder = join(first.root, 'artifacts', first.phase);
  await writeFile(join(folder, 'phase.json'), `${JSON.stringify(record, null, 2)}\n`);
}

/** Fills `root` with so many finished runs: phases of ten seeds; one phase in twenty failed. Its Python is the stand-in of the tests. */
export async function makeWorkspace(root: string, runs: number): Promise<void> {
  await mkdir(join(root, 'artifacts'), { recursive: true });
  for (const name of ['inbox', '.phasebox']) await mkdir(join(root, name), { recursive: true });
  await cp(join(source, 'demo'), join(root, 'demo'), { recursive: true });
  await cp(join(fixture, 'base'), join(root, 'artifacts/base'), { recursive: true });
  await cp(join(source, 'test/fixtures/logs/lora-0.32.2.log'), join(root, 'log.txt'));
  await cp(join(fixture, 'one/one-s1/6-eval/answers.jsonl'), join(root, 'answers.jsonl'));
  await writeFile(
    join(root, 'phasebox.yaml'),
    `python: ${join(source, 'test/fixtures/bin/python')}\ndisk_reserve_gb: 0\n`,
  );
  const [selected, plain, failed] = await Promise.all(['one-s1', 'two-s0', 'four-s7'].map(readTemplate));
  if (selected === undefined || plain === undefined || failed === undefined) throw new Error('no templates');
  const rows: string[] = [];
  for (let at = 0; at * seeds < runs; at++) {
    const template = at % 20 === 19 ? failed : at % 2 === 0 ? selected : plain;
    const places = Array.from({ length: Math.min(seeds, runs - at * seeds) }, (_, seed): Place => {
      const phase = `p${String(at).padStart(4, '0')}`;
      return { root, template, phase, seed, number: at * seeds + seed + 1 };
    });
    await writePhase(places);
    rows.push(...places.map(rowOf));
  }
  await writeFile(join(root, 'artifacts/results.jsonl'), rows.map((row) => `${row}\n`).join(''));
}
