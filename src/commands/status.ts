import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { leftAloneTexts } from '../core/config/inbox-names.ts';
import { duration, plural } from '../core/format.ts';
import { groupBy } from '../core/group-by.ts';
import type { Night, NightView } from '../core/plan/night.ts';
import { printable, printableJson } from '../core/printable.ts';
import { atRest } from '../core/run/control.ts';
import { countText } from '../core/run/eval-progress.ts';
import { rehearsalText } from '../core/run/rehearsal-words.ts';
import { missingRunText } from '../core/run/row-words.ts';
import type { RunStatus } from '../core/run/status.ts';
import { readPhaseRecord } from '../io/artifacts/phase-store.ts';
import { missingRuns } from '../io/artifacts/removed-runs.ts';
import { subfolders } from '../io/artifacts/run-folder.ts';
import { ownerOf } from '../io/claim/ownership.ts';
import { listNames, readText } from '../io/disk/files.ts';
import { inParallel } from '../io/disk/in-parallel.ts';
import { damageOf } from '../io/disk/own-file.ts';
import { type BrokerNote, readBrokerNote, readControl } from '../io/workspace/state-files.ts';
import type { Workspace } from '../io/workspace/workspace.ts';
import { intakeFolders } from '../producers/intake.ts';
import { keptFiles } from '../producers/kept-files.ts';
import { look } from '../producers/look.ts';
import { openNightReader } from '../workers/queue/night.ts';
import { documented, type Register, workspaceOf } from './parts/command.ts';
import { nightLine, saidNight } from './parts/night.ts';
import { print } from './parts/output.ts';
import { diskLine, type ShownRun, showRuns, wide } from './parts/status-runs.ts';

export interface Status {
  readonly up: boolean;
  readonly paused: boolean;
  /** What the broker of the running `up` refuses, so that nothing new starts, and since when (ISO 8601). */
  readonly broker: BrokerNote | null;
  readonly inbox: readonly string[];
  /** `at` (ISO 8601): when it was rejected. Null if that cannot be read. */
  readonly rejected: readonly { readonly file: string; readonly reasons: string; readonly at: string | null }[];
  /** Finished runs by acceptance, then the others in the order in which they work, then those that do not start. */
  readonly runs: readonly RunStatus[];
  /** The sum of what is still to work. */
  readonly night: Night;
  /** The phase is null for phasebox.yaml and for files of the workspace that cannot be read. */
  readonly warnings: readonly { readonly phase: string | null; readonly text: string }[];
}

/** What people see in addition to the status. `said` is by run, and `disk` is one line. */
export interface ForPeople {
  readonly said: ReadonlyMap<string, string | null>;
  readonly disk: string;
  /** The forecast of the night in one sentence. Null if no run is left. */
  readonly night: string | null;
  /** Ignored files in the inbox, and copies of runs in artifacts/: one line for each reason. */
  readonly ignored: readonly string[];
}

/** Everything is read from the disk, so it works with and without a running `up`. */
export async function readStatus(workspace: Workspace): Promise<{ readonly status: Status } & ForPeople> {
  const damage: string[] = [];
  const reading = readControl(workspace.state).catch((error: unknown) => {
    damage.push(damageOf(error).message);
    return atRest;
  });
  const [control, owner] = await Promise.all([reading, ownerOf(workspace.state)]);
  const [broker, kept, inbox, rejected, { shown, copies, oldRows, isKnown, night: place }] = await Promise.all([
    owner === null ? null : readBrokerNote(workspace.state),
    keptFiles(intakeFolders(workspace.inbox).claimed),
    look(workspace.inbox),
    rejectedFiles(workspace.inbox),
    showRuns(workspace, { control, up: owner !== null, damage }),
  ]);
  const names = [...kept, ...inbox.found].map(({ name }) => name);
  const general = [...(workspace.warnings ?? []), ...damage].map((text) => ({ phase: null, text }));
  const warnings = [...general, ...(await phaseWarnings(workspace.artifacts, shown, isKnown))];
  const paused = control.paused !== null;
  const view = await openNightReader(place).night();
  const runs = inOrder(
    shown.map(({ status }) => status),
    view,
  );
  const status = { up: owner !== null, paused, broker, inbox: names, rejected, runs, night: view.night, warnings };
  const disk = await diskLine(
    workspace,
    shown.flatMap(({ reserved }) => reserved ?? []),
  );
  const said = new Map(shown.map((one) => [one.status.run, one.said]));
  const ignored = [...leftAloneTexts(inbox.left), ...copies, ...oldRows, ...damage];
  return { status, disk, said, night: await saidNight(place, view), ignored };
}

const finished: readonly RunStatus['state'][] = ['done', 'failed', 'cancelled'];

/** `runs` is by acceptance, with the damaged ones at the end. */
function inOrder(runs: readonly RunStatus[], { times }: NightView): RunStatus[] {
  const places = new Map(times.map(({ run }, index) => [run, index]));
  const place = ({ run, state }: RunStatus): number =>
    finished.includes(state) ? -1 : (places.get(run) ?? times.length);
  return [...runs].sort((a, b) => place(a) - place(b));
}

async function phaseWarnings(artifacts: string, shown: readonly ShownRun[], isKnown: (run: string) => boolean) {
  const byPhase = groupBy(shown, ({ status }) => status.phase);
  // A phase whose run folders were all deleted is not among those shown.
  const phases = new Set([...byPhase.keys(), ...(await subfolders(artifacts)).sort()]);
  const found = await inParallel([...phases], async (phase) => {
    const unread = (error: unknown): string[] => [damageOf(error).message];
    const accepted = await recordWarnings(artifacts, phase, isKnown).catch(unread);
    const fetched = byPhase.get(phase)?.flatMap(({ warnings = [] }) => warnings) ?? [];
    return [...new Set([...accepted, ...fetched])].map((text) => ({ phase, text }));
  });
  return found.flat();
}

async function recordWarnings(artifacts: string, phase: string, isKnown: (run: string) => boolean): Promise<string[]> {
  const record = await readPhaseRecord(join(artifacts, phase));
  if (record === null) return [];
  const missing = await missingRuns(artifacts, record, isKnown);
  return [...(record.warnings ?? []), ...missing.map(missingRunText)];
}

async function rejectedFiles(inbox: string): Promise<Status['rejected'][number][]> {
  const folder = join(inbox, 'rejected');
  const names = await listNames(folder);
  const reasons = names.filter((name) => name.endsWith('.reasons.txt')).sort();
  return inParallel(reasons, async (name) => ({
    file: name.slice(0, -'.reasons.txt'.length),
    reasons: (await readText(join(folder, name)).catch((error: unknown) => damageOf(error).message)) ?? '',
    at: (await stat(join(folder, name)).catch(() => null))?.mtime.toISOString() ?? null,
  }));
}

const day_ms = 24 * 60 * 60 * 1000;

/** The rejected files of the last day, or all of them. */
function rejectedLines(rejected: Status['rejected'], all: boolean): string[] {
  const isRecent = (at: string | null): boolean => at === null || Date.now() - Date.parse(at) < day_ms;
  const shown = rejected.filter(({ at }) => all || isRecent(at));
  if (shown.length === 0) return [];
  return [`rejected: ${shown.map(({ file }) => printable(file)).join(', ')} (reasons in inbox/rejected/)`];
}

export function statusText(status: Status, { said, disk, night, ignored }: ForPeople, all = false): string {
  const lines = [status.up ? 'phasebox is up' : 'phasebox is not up: start it with `phasebox up`'];
  if (status.broker !== null) lines.push(`since ${status.broker.since}: ${status.broker.message}`);
  if (status.paused) lines.push('paused: no new stage starts until `phasebox resume`');
  if (status.inbox.length > 0) lines.push(`in the inbox: ${status.inbox.map(printable).join(', ')}`);
  lines.push(...ignored);
  lines.push(...rejectedLines(status.rejected, all));
  lines.push(disk);
  if (status.runs.length === 0) lines.push('no runs yet');
  const width = Math.max(0, ...status.runs.map(({ run }) => run.length));
  for (const run of status.runs)
    lines.push(`  ${run.run.padEnd(width)}  ${said.get(run.run) ?? wide(run.state)}  ${detail(run)}`.trimEnd());
  lines.push(...toGo(status.runs));
  if (night !== null) lines.push(nightLine(night));
  for (const { phase, text } of status.warnings) if (phase !== null) lines.push(`warning: ${phase}: ${text}`);
  return `${lines.join('\n')}\n`;
}

/** `4 runs to go, 1 of them paused and 2 held`. */
function toGo(runs: readonly RunStatus[]): string[] {
  const open = runs.filter(({ state }) => !finished.includes(state) && state !== 'damaged');
  const stopped = (['paused', 'held'] as const).flatMap((state) => {
    const count = open.filter((run) => run.state === state).length;
    return count === 0 ? [] : [`${count} of them ${state}`];
  });
  return open.length === 0 ? [] : [[`${plural(open.length, 'run')} to go`, ...stopped].join(', ')];
}

function detail(run: RunStatus): string {
  const parts = [
    run.stage === null ? null : `${run.stage}${(run.attempt ?? 1) > 1 ? ` (attempt ${run.attempt})` : ''}`,
    countText(run),
    run.loss === null ? null : `loss ${run.loss}`,
    run.eta_s === null ? null : `ETA ${duration(run.eta_s)}`,
    run.not_before === null ? null : `not before ${run.not_before}`,
    run.state === 'waiting' && run.rehearsed !== undefined ? `rehearsed: ${rehearsalText(run.rehearsed)}` : null,
    run.state === 'cancelled' ? (run.why?.replace(/^cancelled /, '') ?? null) : run.why,
  ];
  return parts.filter((part) => part !== null).join('  ');
}

export const registerStatus: Register = (program) => {
  documented(program.command('status'), {
    does: 'Show the state of every run',
    notes: [
      'Finished runs come first, then the others in the order in which they start. For the active run it shows the iteration, the loss and the remaining time. During an eval it shows which part is in progress: `base 12/27`, `answers 8/27` or `cost 40 %`. It also lists what is damaged or ignored, and the warnings about accepted configs. It sums up the night: how many runs are left, when they are finished, and whether the disk is large enough. The text output also shows disk space: free, kept free (`disk_reserve_gb`) and reserved for running stages.',
    ],
    examples: ['phasebox status', 'phasebox status --json'],
    exits: { 0: 'the status is shown', 3: 'this folder is not a workspace' },
  })
    .option('--all', 'also list files that were rejected more than a day ago')
    .option('--json', 'print one JSON document')
    .action(async (options: { all?: true; json?: boolean }, command) => {
      const { status, ...forPeople } = await readStatus(await workspaceOf(command, 'read'));
      print(options.json ? `${printableJson(status)}\n` : statusText(status, forPeople, options.all));
    });
};
