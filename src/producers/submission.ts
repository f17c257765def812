import { stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { EarlierPhase } from '../core/config/lookups.ts';
import { phaseChanges } from '../core/config/phase-changes.ts';
import { seedList } from '../core/config/plan-runs.ts';
import { maxConfigBytes } from '../core/config/read-yaml.ts';
import { seedsAgain, withSeeds } from '../core/config/seeds-again.ts';
import type { Row } from '../events/row.ts';
import type { PhaseRecord } from '../events/run.ts';
import { oldRows } from '../io/artifacts/old-rows.ts';
import { phaseFolder, readPhaseRecord } from '../io/artifacts/phase-store.ts';
import { readPhaseRows } from '../io/artifacts/results-file.ts';
import { hasCode } from '../io/disk/files.ts';
import type { Workspace } from '../io/workspace/workspace.ts';
import type { ReadPlan } from './accept.ts';
import { type AcceptedRuns, acceptedRuns, judge, type PhasePlan, recordOf } from './judge.ts';
import { look, lookAtTaken, readContent } from './look.ts';
import { byName } from './settle.ts';
import { trustedFiles } from './tickets.ts';

/** A file that may be submitted: what to write, and what it will do. */
export interface Prepared {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly plan: PhasePlan;
  readonly fresh: readonly string[];
  readonly known: readonly string[];
  /** Rows that runs of `fresh` left behind, and whose folders were removed. */
  readonly old: readonly Row[];
}

export type Preparation =
  | { readonly ok: true; readonly prepared: Prepared }
  | { readonly ok: false; readonly reasons: string };

/** What is accepted, and what will be once the files before are taken in. */
interface Ledger {
  readonly artifacts: string;
  readonly read: ReadPlan;
  readonly earlier: EarlierPhase[];
  /** By phase name in small letters. */
  readonly phases: Map<string, Known>;
}

/** A phase as it will be. */
interface Known extends AcceptedRuns {
  readonly record: PhaseRecord | null;
}

export interface SubmissionOptions {
  readonly workspace: Pick<Workspace, 'inbox' | 'artifacts' | 'state'>;
  readonly read: ReadPlan;
  readonly again: boolean;
}

/** Reads all files in order, each knowing those before it and those that wait in the inbox. Writes nothing. */
export async function prepareFiles(files: readonly string[], options: SubmissionOptions): Promise<Preparation[]> {
  const { workspace, read, again } = options;
  const ledger: Ledger = { artifacts: workspace.artifacts, read, earlier: [], phases: new Map() };
  for (const path of await waitingFiles(workspace)) {
    const waiting = await readGiven(path);
    // A waiting file that is wrong gets its reasons when it is taken in; one that is gone was taken in just now.
    if (typeof waiting !== 'string') await enter(waiting, ledger);
  }
  const prepared: Preparation[] = [];
  for (const path of files) {
    const file = await readGiven(path);
    if (typeof file === 'string') prepared.push({ ok: false, reasons: file });
    else prepared.push(again ? await enterAgain(file, ledger) : await enter(file, ledger));
  }
  return prepared;
}

/** In the order in which they will be taken in. */
async function waitingFiles({ inbox, state }: SubmissionOptions['workspace']): Promise<string[]> {
  const claimed = join(inbox, '.claimed');
  const [busyRuns, waiting, tickets] = await Promise.all([
    lookAtTaken(claimed),
    look(inbox),
    trustedFiles(state, inbox),
  ]);
  const trusted = tickets.map(({ file }) => file);
  const others = waiting.found.filter(({ name, kind }) => kind === 'file' && !trusted.includes(name)).sort(byName);
  return [
    ...busyRuns.found.filter(({ kind }) => kind === 'file').map(({ name }) => join(claimed, name)),
    ...trusted.map((name) => join(inbox, name)),
    ...others.map(({ name }) => join(inbox, name)),
  ];
}

interface Given {
  readonly name: string;
  readonly bytes: Uint8Array;
}

async function readGiven(path: string): Promise<Given | string> {
  try {
    const found = await stat(path);
    if (!found.isFile()) return `${path}: not a file. Give config files (YAML or JSON).\n`;
    if (found.size > maxConfigBytes) return `${path}: ${found.size} bytes; a config has at most 1 MB.\n`;
    return { name: basename(path), bytes: (await readContent(path)).bytes };
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return `there is no file ${path}\n`;
    return `${path}: cannot be read: ${error instanceof Error ? error.message : String(error)}\n`;
  }
}

async function enter(file: Given, ledger: Ledger): Promise<Preparation> {
  const result = await ledger.read(file.bytes, file.name, ledger.earlier);
  if (!result.ok) return result;
  const { plan } = result;
  const { record, ...accepted } = await knownPhase(plan.phase, ledger);
  const judgement = judge(plan, record, { file: file.name, ...accepted });
  if (!judgement.ok) return judgement;
  if (judgement.fresh.length > 0) {
    const next = recordOf(plan, record, { acceptedAs: file.name });
    const batches = [...accepted.batches, new Set(next.runs)];
    ledger.phases.set(plan.phase.toLowerCase(), { record: next, batches, removed: new Set() });
    ledger.earlier.push(plan);
  }
  const fresh = judgement.fresh.map(({ run }) => run);
  const rows = (await readPhaseRows(ledger.artifacts, plan.phase)).filter(({ run }) => fresh.includes(run));
  const old = await oldRows(ledger.artifacts, rows);
  return { ok: true, prepared: { ...file, plan, fresh, known: judgement.known, old } };
}

/** The same file with every seed once more, beyond those that are accepted or wait; nothing else may differ. */
async function enterAgain(file: Given, ledger: Ledger): Promise<Preparation> {
  const result = await ledger.read(file.bytes, file.name, ledger.earlier);
  if (!result.ok) return result;
  const { phase, config } = result.plan;
  const { record } = await knownPhase(phase, ledger);
  const accepted = record === null ? null : seedList(record.config.seeds);
  if (record !== null) {
    const { changed, missing } = phaseChanges(record.config, { ...config, seeds: record.config.seeds });
    const changes = [...changed, ...missing];
    if (changes.length > 0) return { ok: false, reasons: changedSince(file.name, phase, changes) };
  }
  const seeds = seedsAgain(seedList(config.seeds), accepted);
  const text = withSeeds(Buffer.from(file.bytes).toString('utf8'), seeds);
  if (text === null) return { ok: false, reasons: notEditable(file.name, seeds) };
  return enter({ name: file.name, bytes: Buffer.from(text) }, ledger);
}

async function knownPhase(phase: string, { phases, artifacts }: Ledger): Promise<Known> {
  const waiting = phases.get(phase.toLowerCase());
  if (waiting !== undefined) return waiting;
  const folder = await phaseFolder(artifacts, phase);
  if (folder === null) return { record: null, batches: [], removed: new Set() };
  const record = await readPhaseRecord(folder);
  return { record, ...(await acceptedRuns(folder, record)) };
}

function changedSince(file: string, phase: string, changes: readonly string[]): string {
  return [
    `${file}: --again runs the same settings once more, but this file changes phase ${phase}:`,
    ...changes.map((line) => `  ${line}`),
    'Take the changes back, or give the file a new phase name and submit it without --again.',
    '',
  ].join('\n');
}

function notEditable(file: string, seeds: readonly number[]): string {
  return `${file}: the seeds cannot be extended here. Write \`seeds: [${seeds.join(', ')}]\` and submit it without --again.\n`;
}
