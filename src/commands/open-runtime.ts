import type { Logger } from 'pino';
import { replacedText } from '../core/run/old-rows.ts';
import { openBell } from '../io/bell.ts';
import type { Broker } from '../io/broker/broker.ts';
import { brokerPrefix, openBus } from '../io/broker/bus.ts';
import { readFacts } from '../io/model/facts.ts';
import { findPython } from '../io/model/python.ts';
import { packageRoot } from '../io/package-root.ts';
import { openRetryClock } from '../io/retry-clock.ts';
import { openControl } from '../io/workspace/control-store.ts';
import { sortRows } from '../io/workspace/old-rows.ts';
import { takeHeads } from '../io/workspace/results-file.ts';
import { clearResults, retireRows } from '../io/workspace/results-store.ts';
import { openShelf } from '../io/workspace/shelf.ts';
import type { Workspace } from '../io/workspace/workspace.ts';
import { workspaceId } from '../io/workspace/workspace-id.ts';
import { takeTurns } from '../workers/control/turns.ts';
import { openPageWriter } from '../workers/page-writer.ts';
import { reportMoved } from '../workers/results.ts';
import type { Notice, Place, Runtime } from '../workers/runtime.ts';

export interface PlaceParts {
  readonly workspace: Workspace;
  readonly log: Logger;
  readonly notice: (notice: Notice) => void;
}

export interface RuntimeParts extends PlaceParts {
  readonly broker: Broker;
  readonly signal: AbortSignal;
  /** Aborted when it is not wanted any more; then its reason is thrown, and nothing is left open. */
  readonly asked?: AbortSignal;
}

/** What the owner of a workspace needs, from the disk. */
export async function openPlace({ workspace, log, notice }: PlaceParts): Promise<Place> {
  const shelf = openShelf(workspace.artifacts);
  await shelf.refresh();
  reportMoved({ log, notice }, await clearResults(workspace.artifacts));
  const { taken } = await takeHeads(workspace.artifacts, ({ run, status, overall }) => ({ run, status, overall }));
  const { own, replaced } = await sortRows([...taken.values()], shelf);
  // Before a run is started: its journal would no longer show that the row is not its own.
  for (const warning of await retireRows(workspace.artifacts, replaced)) log.warn(warning);
  if (replaced.length > 0) log.warn(replacedText(replaced));
  return {
    workspace,
    shelf,
    log,
    rows: new Set(own.keys()),
    pages: openPageWriter({ workspace, log, notice }),
    bell: openBell(workspace.config.notify, workspace.root, log),
    control: await openControl(workspace.state, (text) => {
      log.warn(text);
      notice({ kind: 'store', text, failed: false });
    }),
    turn: takeTurns(),
    inHand: new Map(),
    notice,
  };
}

/** What the workers share, from the disk and the user's python. Throws CommandError 3 when there is no python with mlx_lm, or no broker. */
export async function openRuntime(parts: RuntimeParts): Promise<Runtime> {
  const { workspace, log, broker, signal, asked, notice } = parts;
  const python = await findPython(workspace);
  const { versions } = await readFacts(python);
  const id = await workspaceId(workspace.state);
  const connection = await broker.reach(brokerPrefix(id), asked);
  asked?.throwIfAborted();
  const root = packageRoot();
  const clock = openRetryClock(workspace.config);
  return {
    ...(await openPlace({ workspace, log, notice })),
    bus: openBus({ ...broker, connection }, { id, log, clock }),
    clock,
    python,
    versions: { ...versions, phasebox: root.version },
    signal,
    stopAsked: new AbortController(),
  };
}
