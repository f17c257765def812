import { appendFile, readdir, writeFile } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import type { FoundModel } from '../../core/config/lookups.ts';
import { StageError } from '../../core/errors.ts';
import { removeOutputs } from '../../io/artifacts/remove-outputs.ts';
import { readText } from '../../io/disk/files.ts';
import { copyInto, linkInto, removeInside } from '../../io/disk/inside.ts';
import { folderBytes } from '../../io/host/disk-usage.ts';
import { absolutePath } from '../../io/host/home.ts';
import { memoryLimit } from '../../io/host/memory-limit.ts';
import { driverPath } from '../../io/host/package-root.ts';
import { addsNothing } from '../../io/model/idle-adapter.ts';
import { proveInput, proveModel } from '../../io/model/model-folder.ts';
import { renderedFolder, renderPrompts } from '../../io/model/render-prompts.ts';
import { contentHash } from '../../io/thread/content-hash.ts';
import { scoreOrThrow, suiteOf } from '../../io/thread/off-thread.ts';
import { now, type Runtime } from '../runtime/runtime.ts';
import type { OwnFiles, Proofs, Reports, StageContext, Tools } from '../stages/stage.ts';
import { type Attempt, warnOnce } from './attempt.ts';
import { runTool, watched } from './run-tool.ts';
import { promptDateOf, serveModel } from './serve-model.ts';
import { makeShared } from './shared-folder.ts';

/** The context of one attempt. `base` is where the run's base model is, or null if it has none. */
export function stageContext(runtime: Runtime, attempt: Attempt, base: FoundModel | null): StageContext {
  const { workspace, signal } = runtime;
  const { stored, event, dir } = attempt;
  return {
    ...toolsOf(runtime, attempt, base),
    ...ownFilesOf(attempt),
    ...proofs,
    ...reportsOf(runtime, attempt),
    removeOutputs: (stage, paths) => removeOutputs(stored.folder, stage, { paths, at: now() }),
    shared: (key, work) => makeShared(workspace.artifacts, key, work),
    ...{ run: stored.run, attempt: event.attempt, dir, workspace: workspace.root, signal },
    // Not in a part of its own: a spread would read it, and a run without a base model has none.
    get baseModel() {
      if (base?.found) return base.folder;
      const why = base === null ? 'the run has no base model' : `${base.message}; ${base.hint}`;
      throw new StageError('MISSING_INPUT', why);
    },
  };
}

function toolsOf(runtime: Runtime, attempt: Attempt, base: FoundModel | null): Tools {
  const { python, versions, workspace } = runtime;
  const { stored } = attempt;
  return {
    python,
    versions,
    driver: driverPath,
    memoryLimit: memoryLimit(stored.run.memory_gb ?? workspace.config.memory_gb),
    tool: async (tool) => runTool(runtime, attempt, await watched(tool, workspace, base?.found ? base.folder : null)),
    serve: (options) => serveModel(runtime, attempt, options),
    async render(jobs) {
      const date = await promptDateOf(stored, (text) => warnOnce(runtime, attempt, text));
      const kept = renderedFolder(workspace.state);
      return renderPrompts(jobs, { python, date, env: stored.run.env, kept, keeps: true });
    },
  };
}

function ownFilesOf({ dir }: Attempt): OwnFiles {
  const inDir = (name: string): string => (isAbsolute(name) ? name : join(dir, name));
  return {
    write: (name, text) => writeFile(inDir(name), text),
    append: (name, text) => appendFile(inDir(name), text),
    read: readText,
    list: async (folder) => (await readdir(inDir(folder))).sort(),
    link: (target, name) => linkInto(dir, name, target),
    copy: (from, name) => copyInto(dir, name, from),
    remove: (name) => removeInside(dir, name),
  };
}

const proofs: Proofs = {
  absolute: absolutePath,
  hash: (path) => contentHash(path),
  prove: proveModel,
  proveInput,
  addsNothing,
  suite: (text, file) => suiteOf(Buffer.from(text), file),
  score: scoreOrThrow,
};

function reportsOf(runtime: Runtime, attempt: Attempt): Reports {
  const { stored, event, board, notes } = attempt;
  return {
    input(name, sha256) {
      notes.inputs[name] = sha256;
    },
    warn: (text) => warnOnce(runtime, attempt, text),
    progress(progress) {
      const live = runtime.busyRuns.get(event.run);
      if (live !== undefined) live.progress = progress;
      board.progress(progress);
    },
    log: (line) => board.log(line),
    async held(more) {
      notes.peak_bytes = Math.max(notes.peak_bytes, (await folderBytes(attempt.dir)) + more);
    },
    async resumed(iteration, at) {
      const time = new Date(at * 1000).toISOString();
      const line = {
        event: 'training_resumed',
        at: time,
        stage: event.stage,
        attempt: event.attempt,
        iteration,
      } as const;
      // The events of the training are read again by each `up`, and by the attempts after this one.
      const known = await runtime.runStore.journal(stored);
      if (known.some((one) => one.event === line.event && one.at === time)) return;
      await runtime.runStore.append(stored, line);
      runtime.notice({ kind: 'note', stored, stage: event.stage, text: `resumes after iteration ${iteration}` });
    },
  };
}
