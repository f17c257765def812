import * as z from 'zod';
import { stageName } from './stages.ts';

/** A message that says what is due. It never has data: everything else is read from the run's folder. */
export const stageEvent = z.strictObject({ run: z.string(), stage: stageName, attempt: z.int().min(1) });
export type StageEvent = z.infer<typeof stageEvent>;

/** The run is finished: write its row. `attempt` counts rows, since a retry requests a new one. */
export const resultsEvent = z.strictObject({ run: z.string(), stage: z.literal('results'), attempt: z.int().min(1) });
export type ResultsEvent = z.infer<typeof resultsEvent>;

export type DueEvent = StageEvent | ResultsEvent;

/** BullMQ refuses `:` and integers as ids. The attempt in the id makes a retry a new job. */
export const eventId = (event: DueEvent): string => `${event.run}-${event.stage}-a${event.attempt}`;
