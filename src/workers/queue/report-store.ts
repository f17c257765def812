import type { LeftOut, StoredRun } from '../../io/artifacts/run-store.ts';
import type { Runtime } from '../runtime/runtime.ts';

/** Reports unusable things in artifacts/, each once, and ends the work for the runs whose folder is `gone`. */
export function reportStore(runtime: Runtime): (gone: readonly StoredRun[]) => void {
  const reported = new Set<string>();
  return (gone) => {
    for (const { run, folder } of gone) {
      const hasRow = runtime.rows.has(run.run);
      runtime.busyRuns.get(run.run)?.cancel.abort('cancel');
      tell(runtime, goneText(run.run, folder, hasRow), { failed: !hasRow });
      // The page names a run that has neither folder nor row.
      if (!hasRow) runtime.pages.changed(run.phase);
      // It may return and disappear again.
      reported.delete(folder);
    }
    for (const left of runtime.runStore.leftOut()) {
      const text = leftOutText(left);
      if (reported.has(text)) continue;
      reported.add(text);
      tell(runtime, text, { failed: left.kind === 'damaged' && !runtime.rows.has(left.run) });
    }
  };
}

function tell(runtime: Runtime, text: string, { failed }: { readonly failed: boolean }): void {
  runtime.log.error(text);
  runtime.notice({ kind: 'store', text, failed });
}

const goneText = (run: string, folder: string, hasRow: boolean): string =>
  hasRow
    ? `${run}: its folder ${folder} is gone. Its row is kept.`
    : `${run}: its folder ${folder} is gone, so it left the queue. Submit its config again to run it.`;

/** One line for people about an ignored folder. */
export function leftOutText(left: LeftOut): string {
  return left.kind === 'copy'
    ? `${left.folder}: a copy of ${left.run}, ignored. A run lives in artifacts/PHASE/RUN under its own name.`
    : `${left.run}: damaged, and ignored. ${left.why}`;
}
