import type { Logger } from 'pino';
import { untilText } from '../../core/plan/night-text.ts';
import { pausesOf, pauseText } from '../../core/run/control.ts';
import type { Dashboard } from '../../io/board/dashboard.ts';
import type { Broker } from '../../io/broker/broker.ts';
import { keepsAwake } from '../../io/host/keep-awake.ts';
import { readBrokerNote } from '../../io/workspace/state-files.ts';
import type { Workspace } from '../../io/workspace/workspace.ts';
import type { Runtime } from '../../workers/runtime/runtime.ts';
import { awakeText } from './awake-text.ts';
import { reportUp } from './detach.ts';
import type { Screen } from './screen.ts';

/** The dashboard of an `up`. */
export async function openDashboard(runtime: Runtime): Promise<Dashboard> {
  const { host, port } = runtime.workspace.config.dashboard;
  const { artifacts, state } = runtime.workspace;
  const { startDashboard } = await import('../../io/board/dashboard.ts');
  const notice = async () => (await readBrokerNote(state))?.message ?? null;
  return startDashboard({ queues: await runtime.bus.boardQueues(), host, port, artifacts, notice });
}

interface Greeting {
  readonly workspace: Workspace;
  readonly screen: Screen;
  readonly broker: Broker;
  readonly log: Logger;
  readonly runtime: Runtime;
  readonly dashboard: Dashboard | null;
}

/** What `up` says when it is ready. */
export async function greet({ workspace, screen, broker, log, runtime, dashboard }: Greeting): Promise<void> {
  const awake = await keepsAwake(process.platform);
  for (const pause of pausesOf(runtime.control.now())) screen.line(pauseText(pause));
  screen.line(`watching ${workspace.inbox}`);
  screen.line(`sleep: ${awakeText[awake]}`);
  if (runtime.until !== null) screen.line(untilText(runtime.until, Date.now()));
  reportUp();
  if (dashboard !== null) screen.line(`dashboard ${dashboard.url}`);
  log.info({ inbox: workspace.inbox, broker: broker.where, dashboard: dashboard?.url ?? null, pid: process.pid }, 'up');
}
