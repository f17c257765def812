import type { Logger } from 'pino';
import { openKeyedLock } from '../../core/keyed-lock.ts';
import type { Until } from '../../core/plan/night-text.ts';
import { replacedText } from '../../core/run/row-words.ts';
import { sortRows } from '../../io/artifacts/removed-runs.ts';
import { takeHeads } from '../../io/artifacts/results-file.ts';
import { clearResults, retireRows } from '../../io/artifacts/results-store.ts';
import { openRunStore } from '../../io/artifacts/run-store.ts';
import type { Broker } from '../../io/broker/broker.ts';
import { brokerPrefix, openBus } from '../../io/broker/bus.ts';
import { openRetryClock } from '../../io/broker/retry-clock.ts';
import { packageRoot } from '../../io/host/package-root.ts';
import { readFacts } from '../../io/model/facts.ts';
import { findPython } from '../../io/model/pythons.ts';
import { openNotifier } from '../../io/workspace/notifier.ts';
import { openControl, workspaceId } from '../../io/workspace/state-files.ts';
import type { Workspace } from '../../io/workspace/workspace.ts';
import { reportMoved } from '../../workers/queue/results.ts';
import { openPageWriter } from '../../workers/runtime/page-writer.ts';
import type { Notice, Owner, Runtime } from '../../workers/runtime/runtime.ts';

export interface OwnerParts {
  readonly workspace: Workspace;
  readonly log: Logger;
  readonly notice: (notice: Notice) => void;
}

export interface RuntimeParts extends OwnerParts {
  readonly broker: Broker;
  readonly signal: AbortSignal;
  readonly until: Until | null;
  /** Aborted when the runtime is no longer needed. Its reason is then thrown, and nothing is left open. */
  readonly stop?: AbortSignal;
}

/** What the owner of a workspace needs, from the disk. */
export async function openOwner({ workspace, log, notice }: OwnerParts): Promise<Owner> {
  const runStore = openRunStore(workspace.artifacts);
  await runStore.refresh();
  reportMoved({ log, notice }, await clearResults(workspace.artifacts));
  const { taken } = await takeHeads(workspace.artifacts, ({ run, status, overall, seconds }) => ({
    ...{ run, status, overall, seconds },
  }));
  const { own, replaced } = await sortRows([...taken.values()], runStore);
  // Before a run starts: afterwards its journal would no longer show that the row is not its own.
  for (const warning of await retireRows(workspace.artifacts, replaced)) log.warn(warning);
  if (replaced.length > 0) log.warn(replacedText(replaced));
  return {
    workspace,
    runStore,
    log,
    rows: new Map(own),
    pages: openPageWriter({ workspace, log, notice }),
    notifier: openNotifier(workspace.config.notify, { cwd: workspace.root, log }),
    control: await openControl(workspace.state, (text) => {
      log.warn(text);
      notice({ kind: 'store', text, failed: false });
    }),
    turn: openKeyedLock(),
    busyRuns: new Map(),
    notice,
  };
}

/** What the workers share. Throws CommandError 3 if there is no Python with mlx_lm, or no broker. */
export async function openRuntime(parts: RuntimeParts): Promise<Runtime> {
  const { workspace, log, broker, signal, until, stop, notice } = parts;
  const python = await findPython(workspace);
  const { versions } = await readFacts(python);
  const id = await workspaceId(workspace.state);
  const connection = await broker.reach(brokerPrefix(id), stop);
  stop?.throwIfAborted();
  const root = packageRoot();
  const clock = openRetryClock(workspace.config);
  return {
    ...(await openOwner({ workspace, log, notice })),
    bus: openBus({ ...broker, connection }, { id, log, clock }),
    clock,
    python,
    versions: { ...versions, phasebox: root.version },
    signal,
    until,
    stopAsked: new AbortController(),
  };
}
