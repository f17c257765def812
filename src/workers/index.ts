import { uncounted } from '../core/run/control.ts';
import type { ControlRequest, Outcome } from '../events/request.ts';
import type { Run } from '../events/run.ts';
import { stageNames } from '../events/stages.ts';
import { runStage } from './attempt/run-stage.ts';
import { handleLeft, handleRequest } from './control/requests.ts';
import { tidyModels } from './models/keep-models.ts';
import { startAdmission } from './queue/admission.ts';
import { openBrokerTrouble } from './queue/broker-trouble.ts';
import { startReconciler } from './queue/reconcile.ts';
import { writeRow } from './queue/results.ts';
import { openWithoutQueue } from './queue/without-queue.ts';
import { endRehearsals } from './rehearsal/rehearse.ts';
import { type Runtime, sharedStages } from './runtime/runtime.ts';
import type { Stage } from './stages/stage.ts';

/** The worker of every stage in the table, which `workers/stages/<name>.ts` exports as `stage`. */
export const loadStages = (): Promise<readonly Stage[]> =>
  Promise.all(
    stageNames.map(async (name) => {
      const { stage }: { readonly stage: Stage } = await import(`./stages/${name}.ts`);
      return stage;
    }),
  );

export type Workers = Awaited<ReturnType<typeof startWorkers>>;

/** Earlier runs had these names and their folders were removed: their rows and jobs belong to no new run. */
async function forgetEarlier({ runStore, rows, bus }: Runtime, runs: readonly Run[]): Promise<boolean> {
  for (const { run } of runs) {
    const stored = runStore.get(run);
    if (stored !== undefined && (await runStore.isUntouched(stored))) rows.delete(run);
  }
  return bus.forget(
    runs.flatMap(({ run, chain }) => [...chain, 'results' as const].map((stage) => ({ run, stage, attempt: 1 }))),
  );
}

/** Starts a worker per stage, admission and reconciler. Queues are rebuilt from the disk before anything is taken. */
export async function startWorkers(runtime: Runtime, given?: readonly Stage[]) {
  const list = given ?? (await loadStages());
  // An `up` that was killed may have left its rehearsal. Admission begins the next one, at the first doubt of the bus.
  await endRehearsals(runtime.workspace);
  const admission = startAdmission(runtime);
  const workers = list.map((stage) =>
    runtime.bus.consume(stage.name, (delivery) => runStage(runtime, stage, delivery)),
  );
  const results = runtime.bus.consume('results', (delivery) => writeRow(runtime, admission, delivery));
  const trouble = await openBrokerTrouble(runtime);
  const withoutQueue = openWithoutQueue({ runtime, admission, list });
  const reconciler = startReconciler({ runtime, admission, trouble, withoutQueue });
  // No other process works in this workspace: active jobs belong to an `up` that has ended.
  await runtime.bus.dropActive();
  await handleLeft(runtime);
  await reconciler.now();
  for (const worker of [...workers, results]) worker.open();
  await admission.open();
  // In the background, after everything else: it reads every row and every final model.
  const tidied = tidyModels(runtime);
  return {
    /** Runs were accepted, so the next one may start. */
    async accepted(runs: readonly Run[]): Promise<void> {
      runtime.runStore.add(runs);
      const isAgain = await forgetEarlier(runtime, runs);
      // If a run folder is gone, the number of the next admission may already be used: the reconciler replaces its job.
      await (isAgain ? reconciler.now() : admission.open());
    },
    /** Does something with the folders of queued runs: meanwhile no run is admitted or retried. */
    alone: (work: () => Promise<void>): Promise<void> =>
      runtime.turn(sharedStages, async () => {
        const counted = runtime.runStore.all().filter(({ run }) => runtime.rows.has(run.run));
        await work();
        await runtime.runStore.refresh();
        const gone = counted.filter(({ run }) => runtime.runStore.get(run.run) === undefined);
        await runtime.control.set(uncounted(runtime.control.now(), gone.length));
      }),
    /** Handles a command's request. */
    async handle(request: ControlRequest): Promise<readonly Outcome[]> {
      const outcomes = await handleRequest(runtime, request, () => runtime.stopAsked.abort());
      // What is due may have changed.
      reconciler.soon();
      return outcomes;
    },
    whyStuck: () => admission.whyStuck(),
    isOutOfTime: () => admission.isOutOfTime(),
    async close(): Promise<void> {
      await tidied;
      await reconciler.close();
      await admission.close();
      await trouble.close();
    },
  };
}
