import { Worker } from 'node:worker_threads';
import type { TaskInput, TaskName, TaskOutput } from './tasks.ts';

/** A task took too long. `at` is what it last worked on, or null if it had not reported that. */
export class TaskTimeout extends Error {
  readonly at: string | null;
  readonly limit_ms: number;

  constructor(at: string | null, limit_ms: number) {
    super(`not done within ${limit_ms / 1000} s`);
    this.at = at;
    this.limit_ms = limit_ms;
  }
}

/** Many times what any slow machine needs: a task that takes longer never ends. */
const limitDefault_ms = 30_000;
const isSource = import.meta.url.endsWith('.ts');
const entry = new URL(isSource ? './worker.ts' : './thread.js', import.meta.url);
/** When the tests run from source, a thread has to register tsx itself, since it does not inherit it. */
const sourceCode = `import('tsx/esm/api').then(({ register }) => { register(); return import('${entry.href}'); });`;

/** Runs a task in a thread. Throws its error, or TaskTimeout if it is silent for longer than the limit (null: none). */
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
      // Errors while it is being stopped are ignored.
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
