import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import type { Queue } from 'bullmq';

/** A queue as the dashboard shows it. */
export type BoardQueue = BullMQAdapter;

/** To look at, and not to change. */
export const boardQueues = (queues: readonly Queue[]): BoardQueue[] =>
  queues.map((queue) => new BullMQAdapter(queue, { readOnlyMode: true }));
