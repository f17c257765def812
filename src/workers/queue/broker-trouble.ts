import { type Refusal, refusalText } from '../../core/broker/refusal.ts';
import { duration } from '../../core/format.ts';
import { type BrokerNote, readBrokerNote, writeBrokerNote } from '../../io/workspace/state-files.ts';
import type { Runtime } from '../runtime/runtime.ts';

/** A broker that restarts, or a machine that is busy, is silent for a moment, which is not reported. */
const patience_ms = 3000;
const meanwhile = 'No new run starts until it does; runs that have started continue to their rows.';

export type BrokerTrouble = Awaited<ReturnType<typeof openBrokerTrouble>>;

/**
 * Reports a broker that refuses or stays away: on the terminal, in the log, `status` and the page. Each cause is
 * reported once, and also its end. An earlier `up` may have left a note, which the first report removes or replaces.
 */
export async function openBrokerTrouble(runtime: Runtime) {
  const { workspace, bus, log } = runtime;
  let current = await readBrokerNote(workspace.state);
  let isOurs = false;
  let silentSince: number | null = null;
  const put = async (note: BrokerNote | null): Promise<void> => {
    current = note;
    // On a full disk, terminal and log are enough.
    await writeBrokerNote(workspace.state, note).catch((error: unknown) => log.warn({ err: error }, 'no broker note'));
    const all = runtime.runStore.all();
    const open = all.filter(({ run }) => !runtime.rows.has(run.run));
    const phases = new Set((open.length > 0 ? open : all).map(({ run }) => run.phase));
    for (const phase of phases) runtime.pages.changed(phase);
  };
  const tell = (text: string): void => {
    log.warn(text);
    runtime.notice({ kind: 'broker', text });
  };
  return {
    /** Null if the broker accepts writes, or is only away for a moment. */
    now: () => (isOurs ? current : null),
    async report(refusal: Refusal | null): Promise<void> {
      silentSince = refusal?.kind === 'away' ? (bus.awaySince() ?? silentSince ?? Date.now()) : null;
      if (silentSince !== null && Date.now() - silentSince < patience_ms) return;
      if (refusal === null) {
        if (current === null) return;
        const seconds = (Date.now() - Date.parse(current.since)) / 1000;
        if (isOurs) tell(`the broker takes writes again after ${duration(seconds)}`);
        return put(null);
      }
      const message = `${refusalText(runtime.bus.where, refusal)} ${meanwhile}`;
      if (isOurs && current?.message === message) return;
      const since = isOurs && current !== null ? current.since : new Date(silentSince ?? Date.now()).toISOString();
      isOurs = true;
      tell(message);
      await put({ since, message });
    },
    /** Removes the note: without an `up` nothing waits for the broker. */
    async close(): Promise<void> {
      if (current !== null) await put(null);
    },
  };
}
