import { Worker } from 'node:worker_threads';
import type { TaskInput, TaskName, TaskOutput } from './tasks.ts';

/** A task took too long. `at`: what it worked on last; null: it had not said. */
export class TaskTimeout extends Error {
  readonly at: string | null;
  readonly limit_ms: number;

  constructor(at: string | null, limit_ms: number) {
    super(`not done within ${limit_ms / 1000} s`);
    this.at = at;
    this.limit_ms = limit_ms;
  }
}

/** So long as any slow machine needs, many times over: who needs longer never ends. */
const limitDefault_ms = 30_000;
const isSource = import.meta.url.endsWith('.ts');
const entry = new URL(isSource ? './worker.ts' : './thread.js', import.meta.url);
/** From source, as the tests run it, a thread has to register tsx itself: it does not inherit it. */
const sourceCode = `import('tsx/esm/api').then(({ register }) => { register(); return import('${entry.href}'); });`;

/**
 * Runs a task in a thread of its own, so that the event loop keeps turning. Throws what the task throws, and TaskTimeout
 * when the task is silent for longer than the limit. `limit_ms` null: a task that always ends by itself, such as reading
 * a file of any size.
 */
export function runTask<N extends TaskName>(
  name: N,
  input: TaskInput<N>,
  limit_ms: number | null = limitDefault_ms,
): Promise<TaskOutput<N>> {
  return new Promise((resolve, reject) => {
    let at: string | null = null;
    const worker = new Worker(isSource ? sourceCode : entry, {
      eval: isSource,
      workerData: { name, input },
      resourceLimits: { maxOldGenerationSizeMb: 2048 },
    });
    const settle = (end: () => void): void => {
      clearTimeout(timer);
      worker.removeAllListeners();
      // What it still throws while it is ended is nobody's.
      worker.on('error', () => undefined);
      void worker.terminate().then(end);
    };
    const timer =
      limit_ms === null ? undefined : setTimeout(() => settle(() => reject(new TaskTimeout(at, limit_ms))), limit_ms);
    worker.on('message', (message: { kind: 'at'; at: string } | { kind: 'done'; output: TaskOutput<N> }) => {
      if (message.kind === 'done') return settle(() => resolve(message.output));
      at = message.at;
      timer?.refresh();
    });
    worker.on('error', (error) => settle(() => reject(error)));
    worker.on('exit', (code) => settle(() => reject(new Error(`the thread ended with code ${code}`))));
  });
}
