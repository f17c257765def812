import { parentPort, workerData } from 'node:worker_threads';
import { type Note, type TaskName, tasks } from './tasks.ts';

/** What a thread is started with, and what it sends: see run-task.ts. */
const { name, input } = workerData as { readonly name: TaskName; readonly input: unknown };
const work = tasks[name] as (input: unknown, note: Note) => Promise<unknown>;
const output = await work(input, (at) => parentPort?.postMessage({ kind: 'at', at }));
parentPort?.postMessage({ kind: 'done', output });
