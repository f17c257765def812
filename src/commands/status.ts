import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DamagedFile } from '../core/errors.ts';
import { printable, printableJson } from '../core/printable.ts';
import { atRest } from '../core/run/control.ts';
import { fetchedWarnings, type RunState } from '../core/run/due.ts';
import { removedText, replacedText } from '../core/run/old-rows.ts';
import { rowLine } from '../core/run/row-line.ts';
import { damagedStatus, type RunStatus, runStatus } from '../core/run/status.ts';
import { duration, plural } from '../core/words.ts';
import type { Control } from '../events/request.ts';
import { attemptFolder, stageNames } from '../events/stages.ts';
import { ifAbsent, readText } from '../io/disk/files.ts';
import { inParallel } from '../io/disk/hash.ts';
import { findBaseModel } from '../io/model/base-model.ts';
import { hasLiveTool } from '../io/tool/live-tools.ts';
import { type BrokerNote, readBrokerNote } from '../io/workspace/broker-note.ts';
import { readControl } from '../io/workspace/control-store.ts';
import { sortRows } from '../io/workspace/old-rows.ts';
import { ownerOf } from '../io/workspace/ownership.ts';
import { acceptanceWarnings } from '../io/workspace/phase-store.ts';
import { readRows } from '../io/workspace/results-store.ts';
import { openShelf, type Shelf, type Shelved } from '../io/workspace/shelf.ts';
import type { Workspace } from '../io/workspace/workspace.ts';
import { look } from '../producers/look.ts';
import { leftAloneTexts } from '../producers/names.ts';
import { leftOutText } from '../workers/report-store.ts';
import { diskLine, reservation } from './disk-line.ts';
import { liveProgress } from './live-progress.ts';
import { machineWait } from './machine-wait.ts';
import { print } from './output.ts';
import { example, type Register, workspaceOf } from './register.ts';

/** What `status --json` prints. */
export interface Status {
  readonly up: boolean;
  readonly paused: boolean;
  /** What the broker of the living `up` refuses, so that nothing new starts, and since when (ISO 8601). It is null when the broker works. */
  readonly broker: BrokerNote | null;
  readonly inbox: readonly string[];
  readonly rejected: readonly { readonly file: string; readonly reasons: string }[];
  readonly runs: readonly RunStatus[];
  /** What was doubtful in the accepted files, by phase. The phase is null for phasebox.yaml. */
  readonly warnings: readonly { readonly phase: string | null; readonly text: string }[];
}

/** A run, with what people read instead of its state: how it ended, or that no `up` looks after it. Null: the state. */
interface ShownRun {
  readonly status: RunStatus;
  readonly said: string | null;
  /** What its stage has reserved of the disk. */
  readonly reserved?: string | null;
  /** What was doubtful in its model, if that was fetched after acceptance. */
  readonly warnings?: readonly string[];
}

/** What people read beside the status. `said`: by run; `disk`: one line. */
export interface ForPeople {
  readonly said: ReadonlyMap<string, string | null>;
  readonly disk: string;
  /** What lies in the inbox and is not taken, and copies of runs in artifacts/: a line a reason. */
  readonly ignored: readonly string[];
}

/** Everything is read from the disk: it works with and without a living `up`. */
export async function readStatus(workspace: Workspace): Promise<{ readonly status: Status } & ForPeople> {
  const damage: string[] = [];
  const reading = readControl(workspace.state).catch((error: unknown) => {
    damage.push(...damageText(error));
    return atRest;
  });
  const [control, owner] = await Promise.all([reading, ownerOf(workspace.state)]);
  const [broker, inbox, rejected, { shown, copies, oldRows }] = await Promise.all([
    owner === null ? null : readBrokerNote(workspace.state),
    look(workspace.inbox),
    rejectedFiles(workspace.inbox),
    showRuns(workspace, { control, up: owner !== null }),
  ]);
  const names = inbox.found.map(({ name }) => name);
  const runs = shown.map(({ status }) => status);
  const warnings = await allWarnings(workspace, shown);
  const paused = control.paused !== null;
  const status = { up: owner !== null, paused, broker, inbox: names, rejected, runs, warnings };
  const disk = await diskLine(
    workspace,
    shown.map(({ reserved }) => reserved ?? null).filter((one) => one !== null),
  );
  const said = new Map(shown.map((one) => [one.status.run, one.said]));
  return { status, disk, said, ignored: [...leftAloneTexts(inbox.left), ...copies, ...oldRows, ...damage] };
}

async function allWarnings(workspace: Workspace, shown: readonly ShownRun[]): Promise<Status['warnings']> {
  const found: Status['warnings'][number][] = (workspace.warnings ?? []).map((text) => ({ phase: null, text }));
  for (const phase of new Set(shown.map(({ status }) => status.phase))) {
    const accepted = await acceptanceWarnings(workspace.artifacts, phase).catch(damageText);
    const fetched = shown.flatMap(({ status, warnings }) => (status.phase === phase ? (warnings ?? []) : []));
    for (const text of new Set([...accepted, ...fetched])) found.push({ phase, text });
  }
  return found;
}

/** The damage of a phase's record is itself what its warnings would be. */
function damageText(error: unknown): readonly string[] {
  if (error instanceof DamagedFile) return [error.message];
  throw error;
}

interface Now {
  readonly control: Control;
  readonly up: boolean;
}

interface ShownRuns {
  readonly shown: readonly ShownRun[];
  readonly copies: readonly string[];
  /** What is said of rows of runs whose folders were removed. */
  readonly oldRows: readonly string[];
}

async function showRuns(workspace: Workspace, now: Now): Promise<ShownRuns> {
  const shelf = openShelf(workspace.artifacts);
  await shelf.refresh();
  const { own: rows, replaced, removed } = await sortRows(await readRows(workspace.artifacts), shelf);
  const show = async (shelved: Shelved): Promise<ShownRun> => {
    const state = await shelf.state(shelved);
    const row = rows.get(shelved.run.run);
    const status = runStatus(state, row, { now: Date.now(), control: now.control });
    if (row?.status === 'done') return { status, said: `${wide(row.status)}  ${rowLine(row)}` };
    if (status.state === 'waiting' && (status.why === null || (await hasItsSource(shelf, state))))
      return { status: { ...status, why: await modelToCome(workspace, state) }, said: null };
    return { ...(await showStarted(shelved, status, now)), reserved: reservation(state, status) };
  };
  const orDamaged = async (shelved: Shelved): Promise<ShownRun> => {
    try {
      return { ...(await show(shelved)), warnings: fetchedWarnings(await shelf.journal(shelved)) };
    } catch (error) {
      if (!(error instanceof DamagedFile)) throw error;
      return { status: damagedStatus(shelved.run.run, shelved.run.phase, error.message), said: null };
    }
  };
  const left = shelf.leftOut();
  const damaged = left.flatMap((one) =>
    one.kind === 'damaged' ? [{ status: damagedStatus(one.run, one.phase, one.why), said: null }] : [],
  );
  const copies = left.filter(({ kind }) => kind === 'copy').map(leftOutText);
  const oldRows = [
    ...(replaced.length === 0 ? [] : [replacedText(replaced)]),
    ...(removed.length === 0 ? [] : [removedText(removed)]),
  ];
  return { shown: [...(await inParallel(shelf.all(), orDamaged)), ...damaged], copies, oldRows };
}

const wide = (state: string): string => state.padEnd(9);

/** Whether the stage that a run starts after is committed: then it only waits for its turn. */
async function hasItsSource(shelf: Shelf, { run: { from } }: RunState): Promise<boolean> {
  if (from === null || !('run' in from)) return false;
  const source = shelf.get(from.run);
  return source !== undefined && (await shelf.committed(source, from.after)) !== null;
}

/** A run whose stage is under way or comes next. */
async function showStarted(shelved: Shelved, status: RunStatus, { up }: Now): Promise<ShownRun> {
  const isOn = status.state === 'running' || status.state === 'retrying';
  const stopped = isOn && !up ? 'stopped, goes on at the next up' : null;
  const stage = stageNames.find((name) => name === status.stage);
  if (status.state !== 'running' || stage === undefined || status.attempt === null) return { status, said: stopped };
  const at = { stage, attempt: status.attempt };
  const { part, ...progress } = { ...(await liveProgress(shelved.folder, shelved.run, at)) };
  const why = status.why ?? part ?? null;
  if (!up) {
    const alive = await hasLiveTool(join(shelved.folder, attemptFolder(at.stage, at.attempt)));
    // Nothing comes nearer to its end while nobody works.
    if (!alive) return { status: { ...status, ...progress, eta_s: null }, said: stopped };
    return { status: { ...status, ...progress, why }, said: 'goes on in the background' };
  }
  const waits = await machineWait(shelved.folder, status);
  return { status: { ...status, ...progress, why: waits ?? why }, said: null };
}

/** `fetching its model org/name`: the run cannot start before; null when its model is here. */
async function modelToCome({ root }: Workspace, { run, journal }: RunState): Promise<string | null> {
  if (run.model === null || !run.model.download) return null;
  const found = await findBaseModel(run, journal, root);
  return found === null || found.found ? null : `fetching its model ${run.model.source}`;
}

async function rejectedFiles(inbox: string): Promise<Status['rejected'][number][]> {
  const folder = join(inbox, 'rejected');
  const names = await readdir(folder).catch(ifAbsent([]));
  const reasons = names.filter((name) => name.endsWith('.reasons.txt')).sort();
  return Promise.all(
    reasons.map(async (name) => ({
      file: name.slice(0, -'.reasons.txt'.length),
      reasons: (await readText(join(folder, name))) ?? '',
    })),
  );
}

/** The status for people. */
export function statusText(status: Status, { said, disk, ignored }: ForPeople): string {
  const lines = [status.up ? 'phasebox is up' : 'phasebox is not up: start it with `phasebox up`'];
  if (status.broker !== null) lines.push(`since ${status.broker.since}: ${status.broker.message}`);
  if (status.paused) lines.push('paused: no new stage starts until `phasebox resume`');
  if (status.inbox.length > 0) lines.push(`in the inbox: ${status.inbox.map(printable).join(', ')}`);
  lines.push(...ignored);
  if (status.rejected.length > 0) {
    lines.push(
      `rejected: ${status.rejected.map(({ file }) => printable(file)).join(', ')} (reasons in inbox/rejected/)`,
    );
  }
  lines.push(disk);
  if (status.runs.length === 0) lines.push('no runs yet');
  const width = Math.max(0, ...status.runs.map(({ run }) => run.length));
  for (const run of status.runs)
    lines.push(`  ${run.run.padEnd(width)}  ${said.get(run.run) ?? wide(run.state)}  ${detail(run)}`.trimEnd());
  const open = status.runs.filter(({ state }) => !['done', 'failed', 'cancelled', 'damaged'].includes(state)).length;
  if (open > 0) lines.push(`${plural(open, 'run')} to go`);
  for (const { phase, text } of status.warnings) if (phase !== null) lines.push(`warning: ${phase}: ${text}`);
  return `${lines.join('\n')}\n`;
}

function detail(run: RunStatus): string {
  const parts = [
    run.stage === null ? null : `${run.stage}${(run.attempt ?? 1) > 1 ? ` (attempt ${run.attempt})` : ''}`,
    run.iteration === null ? null : `${run.iteration}${run.of === null ? '' : `/${run.of}`}`,
    run.loss === null ? null : `loss ${run.loss}`,
    run.eta_s === null ? null : `ETA ${duration(run.eta_s)}`,
    run.not_before === null ? null : `not before ${run.not_before}`,
    run.why,
  ];
  return parts.filter((part) => part !== null).join('  ');
}

/** `phasebox status [--json]` */
export const registerStatus: Register = (program) => {
  program
    .command('status')
    .description('what waits, runs (iteration, loss, ETA) and is done')
    .option('--json', 'one JSON document')
    .addHelpText('after', example('phasebox status', 'phasebox status --json'))
    .action(async (options: { json?: boolean }, command) => {
      const { status, ...forPeople } = await readStatus(await workspaceOf(command, false));
      print(options.json ? `${printableJson(status)}\n` : statusText(status, forPeople));
    });
};
