import { Worker } from 'node:worker_threads';

/**
 * Runs a script (CommonJS) in a thread of its own and returns the first message that it posts. `data` is its `workerData`.
 * Rejects with what the script throws, and when the thread ends without a message.
 */
export function inThread<T>(script: string, data: unknown): Promise<T> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(script, { eval: true, workerData: data });
    worker.once('message', resolve);
    worker.once('error', reject);
    // After a message or an error this has no effect.
    worker.once('exit', (code) => reject(new Error(`a thread ended with exit code ${code} and without a result`)));
  });
}
