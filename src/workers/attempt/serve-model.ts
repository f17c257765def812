import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DamagedFile } from '../../core/errors.ts';
import { toolEnv } from '../../core/mlx/python.ts';
import { requestModel } from '../../core/score/chat.ts';
import { promptDate, promptDateVariable } from '../../core/score/rendering.ts';
import { readPhaseRecord } from '../../io/artifacts/phase-store.ts';
import type { StoredRun } from '../../io/artifacts/run-store.ts';
import { driverPath } from '../../io/host/package-root.ts';
import { type RunningServer, startModelServer } from '../../io/server/model-server.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { ModelServer, ServeOptions } from '../stages/stage.ts';
import { type Attempt, holdMachine, warnOnce } from './attempt.ts';
import { clearTool } from './run-tool.ts';

/** A server is never resumed: one that an earlier process left for this attempt is stopped first. */
export async function serveModel(runtime: Runtime, attempt: Attempt, options: ServeOptions): Promise<ModelServer> {
  const dir = join(attempt.dir, options.name);
  const slot = await holdMachine(runtime, attempt, { dir, server: true });
  try {
    await clearTool(dir);
    await mkdir(dir, { recursive: true });
    const date = await promptDateOf(attempt.stored, (text) => warnOnce(runtime, attempt, text));
    const { stall_minutes } = runtime.workspace.config;
    const server = await startModelServer({
      python: runtime.python,
      driver: driverPath('serve'),
      model: options.model,
      ...(options.adapter === undefined ? {} : { adapter: options.adapter }),
      dir,
      env: { ...toolEnv(attempt.stored.run.env), [promptDateVariable]: date },
      signal: runtime.signal,
      ...(stall_minutes === 0 ? {} : { stall_ms: stall_minutes * 60_000 }),
    });
    return { ...server, ask: noted(attempt, options.name, server), close: () => server.close().finally(slot.release) };
  } catch (error) {
    await slot.release();
    throw error;
  }
}

/** Records the verification for the manifest. `ask` counts the answers with the served model's id (others throw). */
function noted({ notes }: Attempt, name: string, { nonce, ask }: RunningServer): RunningServer['ask'] {
  const proof = { name, nonce, model_id: requestModel, answers: 0 };
  notes.servers.push(proof);
  return async (request) => {
    const reply = await ask(request);
    if (reply.error === null) proof.answers += 1;
    return reply;
  };
}

/**
 * The date that chat templates see in every run of a phase: that of its first acceptance, so that a night over midnight
 * and a seed that is added a week later have the same prompts. If phase.json is damaged, it is the run's own date, with
 * a warning. Throws system errors: another date would silently be another evaluation.
 */
export async function promptDateOf({ folder, run }: StoredRun, warn: (text: string) => void): Promise<string> {
  const own = promptDate(run.accepted);
  try {
    // A crash may have left runs without phase.json.
    const record = await readPhaseRecord(dirname(folder));
    return promptDate(record?.accepted || run.accepted);
  } catch (error) {
    if (!(error instanceof DamagedFile)) throw error;
    warn(
      `${error.path} cannot be read (${error.reason}), so a chat template that prints the date gets the day on which ` +
        `this run was accepted, ${own}. Runs of the phase that were accepted on another day are asked other prompts.`,
    );
    return own;
  }
}
