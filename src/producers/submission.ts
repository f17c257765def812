import { basename, join } from 'node:path';
import type { EarlierPhase } from '../core/config/lookups.ts';
import { changedLines, phaseChanges } from '../core/config/phase-changes.ts';
import { seedList } from '../core/config/plan-runs.ts';
import type { PhasePlan } from '../core/config/read-config.ts';
import { seedsAgain, withSeeds } from '../core/config/seeds-again.ts';
import type { Submission, SubmittedFile } from '../events/request.ts';
import type { Row } from '../events/row.ts';
import { oldRows } from '../io/artifacts/removed-runs.ts';
import { readPhaseRows } from '../io/artifacts/results-file.ts';
import type { Workspace } from '../io/workspace/workspace.ts';
import type { PlanReader } from './accept.ts';
import { checkPlan, type KnownPhase, knownPhase, recordOf } from './check-plan.ts';
import { intakeFolders } from './intake.ts';
import { keptFiles } from './kept-files.ts';
import { lookAtTaken, readContent } from './look.ts';

type Given = Pick<SubmittedFile, 'name' | 'bytes'>;

/** A file that may be submitted: what to keep, and what it will do. */
export interface Prepared extends Given {
  readonly plan: PhasePlan;
  readonly fresh: readonly string[];
  readonly known: readonly string[];
  /** What it changes of the accepted phase, which it replaces. Null if it replaces none. */
  readonly replaces: readonly string[] | null;
  /** Rows that runs of `fresh` left, and whose folders were removed. */
  readonly old: readonly Row[];
}

export type Preparation =
  | { readonly ok: true; readonly prepared: Prepared }
  | { readonly ok: false; readonly reasons: string };

/** What is accepted, and what will be once the files before are accepted. */
interface Ledger {
  readonly artifacts: string;
  readonly read: PlanReader;
  readonly earlier: EarlierPhase[];
  /** By phase name in lower case. */
  readonly phases: Map<string, KnownPhase>;
}

export interface SubmissionOptions {
  readonly workspace: Pick<Workspace, 'inbox' | 'artifacts'>;
  readonly read: PlanReader;
}

/** Reads all files in order. Each knows those before it and those that wait for acceptance. Writes nothing. */
export async function prepareFiles({ files, again }: Submission, options: SubmissionOptions): Promise<Preparation[]> {
  const { workspace, read } = options;
  const ledger: Ledger = { artifacts: workspace.artifacts, read, earlier: [], phases: new Map() };
  for (const path of await takenFiles(workspace)) {
    // An unreadable or invalid file gets its reasons when it is its turn.
    const content = await readContent(path).catch(() => null);
    if (content !== null) await enter({ name: basename(path), bytes: content.bytes }, ledger);
  }
  const prepared: Preparation[] = [];
  for (const file of files) {
    if (file.problem !== null) prepared.push({ ok: false, reasons: file.problem });
    else prepared.push(again ? await enterAgain(file, ledger) : await enter(file, ledger));
  }
  return prepared;
}

/** In the order in which they are accepted. */
async function takenFiles({ inbox }: SubmissionOptions['workspace']): Promise<string[]> {
  const { claimed } = intakeFolders(inbox);
  const [before, kept] = await Promise.all([lookAtTaken(claimed), keptFiles(claimed)]);
  const singles = before.found.filter(({ kind }) => kind === 'file').map(({ name }) => join(claimed, name));
  return [...singles, ...kept.map(({ path }) => path)];
}

async function enter(file: Given, ledger: Ledger): Promise<Preparation> {
  const result = await ledger.read(file.bytes, file.name, ledger.earlier);
  if (!result.ok) return result;
  const { plan } = result;
  const known = await phaseIn(ledger, plan.phase);
  const checked = await checkPlan(plan, known, file.name);
  if (!checked.ok) return checked;
  if (checked.fresh.length > 0) {
    const before = checked.replaces ? null : known.record;
    const next = recordOf(plan, before, { acceptedAs: file.name });
    const batches = [...(before === null ? [] : known.batches), new Set(next.runs)];
    const whyItStays = async (): Promise<string> => 'Another file of this submission, or one before it, has that name.';
    ledger.phases.set(plan.phase.toLowerCase(), { record: next, batches, removed: new Set(), whyItStays });
    ledger.earlier.push(plan);
  }
  const fresh = checked.fresh.map(({ run }) => run);
  const replaces = checked.replaces && known.record !== null ? changedLines(known.record.config, plan.config) : null;
  const rows = (await readPhaseRows(ledger.artifacts, plan.phase)).filter(({ run }) => fresh.includes(run));
  const old = replaces === null ? await oldRows(ledger.artifacts, rows) : [];
  return { ok: true, prepared: { ...file, plan, fresh, known: checked.known, replaces, old } };
}

/** The same file with every seed once more, in addition to those that are accepted or wait. Nothing else may differ. */
async function enterAgain(file: Given, ledger: Ledger): Promise<Preparation> {
  const result = await ledger.read(file.bytes, file.name, ledger.earlier);
  if (!result.ok) return result;
  const { phase, config } = result.plan;
  const { record } = await phaseIn(ledger, phase);
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

async function phaseIn({ phases, artifacts }: Ledger, phase: string): Promise<KnownPhase> {
  return phases.get(phase.toLowerCase()) ?? knownPhase(artifacts, phase);
}

function changedSince(file: string, phase: string, changes: readonly string[]): string {
  return [
    `${file}: --again runs the same settings once more, but this file changes phase ${phase}:`,
    ...changes.map((line) => `  ${line}`),
    'Undo the changes, or give the file a new phase name and submit it without --again.',
    '',
  ].join('\n');
}

function notEditable(file: string, seeds: readonly number[]): string {
  return `${file}: the seeds cannot be extended here. Write \`seeds: [${seeds.join(', ')}]\` and submit it without --again.\n`;
}
