import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import type { Queue } from 'bullmq';

/** A queue as the dashboard shows it. */
export type BoardQueue = BullMQAdapter;

/** Read-only. */
export const boardQueues = (queues: readonly Queue[]): BoardQueue[] =>
  queues.map((queue) => new BullMQAdapter(queue, { readOnlyMode: true }));
