import type { StageEvent } from '../events/events.ts';
import type { ServedBy } from '../events/manifest.ts';
import type { Board } from '../io/broker/consumer.ts';
import type { Shelved } from '../io/workspace/shelf.ts';

/** What a stage left beside its outputs: for the manifest. */
export interface Notes {
  readonly inputs: Record<string, string>;
  readonly commands: string[][];
  readonly warnings: string[];
  readonly servers: ServedBy[];
  estimated_bytes: number | null;
  /** Time that the attempt waited for the machine or the disk. */
  waited_ms: number;
}

/** One try of a stage, while it is under way. */
export interface Attempt {
  readonly shelved: Shelved;
  readonly event: StageEvent;
  readonly dir: string;
  readonly board: Board;
  readonly notes: Notes;
}
