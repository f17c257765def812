import type { Logger } from 'pino';
import { printable } from '../core/printable.ts';
import type { Run } from '../events/run.ts';
import { acceptanceNumbers } from '../io/artifacts/phase-store.ts';
import type { RunStore } from '../io/artifacts/run-store.ts';
import { openLookups } from '../io/workspace/lookups.ts';
import type { Workspace } from '../io/workspace/workspace.ts';
import { type AcceptContext, acceptConfig } from './accept.ts';
import { type Inbox, watchInbox } from './inbox.ts';
import { planReader } from './read-plan.ts';

export interface OpenInbox {
  readonly workspace: Workspace;
  readonly log: Logger;
  /** False: no file events, the scan alone. */
  readonly events: boolean;
  readonly python: string;
  readonly runStore: Pick<RunStore, 'all' | 'leftOut'>;
  /** One line for people for each file that was taken. */
  readonly say: (line: string) => void;
  /** One line for each warning about a file that was accepted. */
  readonly warn: (line: string) => void;
  /** Runs are on the disk; called before their file is moved. */
  readonly onAccepted: (runs: readonly Run[]) => void;
  readonly onRejected: () => void;
}

/** The inbox of a workspace: watched, each file read, planned and turned into runs. */
export function openInbox({
  workspace,
  log,
  events,
  python,
  runStore,
  say,
  warn,
  onAccepted,
  onRejected,
}: OpenInbox): Inbox {
  const read = planReader(openLookups({ ...workspace, python }));
  const context: AcceptContext = {
    artifacts: workspace.artifacts,
    numbers: acceptanceNumbers(workspace.artifacts, highestNumber(runStore)),
    read,
    onAccepted({ newRuns, summary, warnings }, file) {
      // Told first: what the runs do next is told by others.
      say(`accepted ${printable(file.name)}: ${summary}`);
      for (const warning of warnings) {
        say(`  warning: ${warning}`);
        warn(`${printable(file.name)}: ${warning}`);
      }
      if (newRuns.length > 0) onAccepted(newRuns);
    },
  };
  return watchInbox({
    workspace,
    events,
    log: { info: (text) => log.info(text), warn: (text) => log.warn(text) },
    accept: (file) => acceptConfig(file, context),
    onNotice: say,
    onOutcome(outcome) {
      if (outcome.kind === 'accepted') return;
      onRejected();
      say(`rejected ${printable(outcome.file)}:\n${outcome.reasons.trimEnd().replace(/^/gm, '  ')}`);
    },
  });
}

/** Null when it is not known: a run that cannot be read may have a higher number than all others. */
function highestNumber(runStore: OpenInbox['runStore']): number | null {
  if (runStore.leftOut().some(({ kind }) => kind === 'damaged')) return null;
  return runStore.all().reduce((highest, { run }) => Math.max(highest, run.number), 0);
}
