import type { Logger } from 'pino';
import { printable } from '../core/printable.ts';
import type { RequestAnswer, Submission } from '../events/request.ts';
import type { Run } from '../events/run.ts';
import { acceptanceNumbers } from '../io/artifacts/phase-store.ts';
import type { RunStore } from '../io/artifacts/run-store.ts';
import { findPython } from '../io/model/pythons.ts';
import { openLookups } from '../io/workspace/lookups.ts';
import type { Workspace } from '../io/workspace/workspace.ts';
import { type AcceptContext, acceptConfig, type ConfigFile, planReader } from './accept.ts';
import { type Inbox, submitAlone, watchInbox } from './inbox.ts';
import { prepareFiles } from './submission.ts';

export interface OpenInbox {
  readonly workspace: Workspace;
  readonly log: Logger;
  readonly python: string;
  readonly runStore: Pick<RunStore, 'all' | 'leftOut'>;
  /** One line for people for each file that was taken. */
  readonly say: (line: string) => void;
  /** One line for each warning about an accepted file. */
  readonly warn: (line: string) => void;
  /** Runs are on the disk. Called before their file is moved. */
  readonly onAccepted: (runs: readonly Run[]) => void;
  readonly onRejected: () => void;
  readonly alone: AcceptContext['alone'];
}

/** The inbox of a workspace: watched, each file read, planned and turned into runs. */
export function openInbox(parts: OpenInbox): Inbox {
  const { workspace, log, python, runStore, say, warn, onAccepted, onRejected, alone } = parts;
  const read = planReader(openLookups({ ...workspace, python }));
  const context: AcceptContext = {
    artifacts: workspace.artifacts,
    numbers: acceptanceNumbers(workspace.artifacts, highestNumber(runStore)),
    read,
    ...(alone && { alone }),
    onAccepted({ newRuns, summary, warnings }, file) {
      // Reported first, before the next steps of the runs.
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
    log,
    accept: (file) => acceptConfig(file, context),
    prepare: (submission) => prepareFiles(submission, { workspace, read }),
    onNotice: say,
    onOutcome(outcome) {
      if (outcome.kind === 'accepted') return;
      onRejected();
      say(`rejected ${printable(outcome.file)}:\n${outcome.reasons.trimEnd().replace(/^/gm, '  ')}`);
    },
  });
}

/** Submits for a command that owns the workspace. Without mlx_lm, files are checked as far as possible and kept. */
export function submitWithoutUp(workspace: Workspace, log: Logger, submission: Submission): Promise<RequestAnswer> {
  const python = (): Promise<string> => findPython(workspace);
  const { artifacts } = workspace;
  const read = planReader(openLookups({ ...workspace, python }));
  const context = { artifacts, numbers: acceptanceNumbers(artifacts), read, onAccepted: () => undefined };
  const checked = planReader(openLookups({ ...workspace, python, pythonOptional: true }));
  const options = {
    workspace,
    log,
    accept: (file: ConfigFile) => acceptConfig(file, context),
    prepare: (asked: Submission) => prepareFiles(asked, { workspace, read: checked }),
  };
  return submitAlone(options, submission);
}

/** Null if it is not known: a run that cannot be read may have a higher number than all others. */
function highestNumber(runStore: OpenInbox['runStore']): number | null {
  if (runStore.leftOut().some(({ kind }) => kind === 'damaged')) return null;
  return runStore.all().reduce((highest, { run }) => Math.max(highest, run.number), 0);
}
