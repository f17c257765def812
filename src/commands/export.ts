import { writeFile } from 'node:fs/promises';
import { join, relative, resolve, sep } from 'node:path';
import { CommandError } from '../core/errors.ts';
import { sizeText } from '../core/format.ts';
import { shellLine } from '../core/shell.ts';
import type { Run } from '../events/run.ts';
import { readRows } from '../io/artifacts/results-file.ts';
import { manifestsOf } from '../io/artifacts/run-store.ts';
import { packageRoot } from '../io/host/package-root.ts';
import { type Cloned, cloneFolder, type Piece } from '../io/model/clone-folder.ts';
import { contentHash } from '../io/thread/content-hash.ts';
import type { Workspace } from '../io/workspace/workspace.ts';
import { documented, type Register, workspaceOf } from './parts/command.ts';
import { finalModel, type LocatedModel, modelFiles, proveAll } from './parts/final-model.ts';
import { type FoundRun, findRun } from './parts/find-run.ts';
import { print } from './parts/output.ts';

/** The result of an export, for its message. */
export interface Exported extends Cloned {
  readonly folder: string;
  readonly kind: LocatedModel['kind'];
  readonly files: number;
}

/** The file in an export that says where it comes from. */
export const custodyFile = 'phasebox.json';

/** All or nothing. Throws CommandError 1 (damaged, removed), 2 (unknown run, not made yet, folder taken), 3 (disk). */
export async function exportRun(
  workspace: Workspace,
  wanted: { readonly run: string; readonly target: string; readonly signal: AbortSignal },
): Promise<Exported> {
  const target = resolve(wanted.target);
  if (`${target}${sep}`.startsWith(`${workspace.artifacts}${sep}`)) {
    const where = `${target} is inside ${workspace.artifacts}`;
    throw new CommandError(2, `${where}, which belongs to phasebox. Give another folder.`);
  }
  const found = await findRun(workspace, wanted.run);
  const final = await finalModel(workspace, found);
  const pieces = await piecesOf(final);
  const custody = await custodyOf(workspace, found, { final, pieces });
  const cloned = await cloneFolder({
    pieces,
    target,
    signal: wanted.signal,
    check: async (draft) => {
      await provePieces(final, draft);
      await writeFile(join(draft, custodyFile), `${JSON.stringify(custody, null, 2)}\n`, { flag: 'wx' });
    },
  });
  return { ...cloned, folder: target, kind: final.kind, files: pieces.length };
}

/** Folders of an export that is base + adapter. */
const parts = { base: 'base', adapter: 'adapter' } as const;

async function piecesOf(final: LocatedModel): Promise<Piece[]> {
  const inside = (files: Awaited<ReturnType<typeof modelFiles>>, folder: string): Piece[] =>
    files.map(({ path, name, sha256 }) => ({ from: path, to: join(folder, name), sha256 }));
  // A model that was exported before contains the file of that export, which this one replaces with its own.
  const ownName = ({ to }: Piece): boolean => to !== custodyFile;
  if (final.kind === 'model') return inside(await modelFiles(final.model), '.').filter(ownName);
  return [...inside(await modelFiles(final.base), parts.base), ...inside(final.adapter, parts.adapter)];
}

const provePieces = (final: LocatedModel, draft: string): Promise<void> =>
  proveAll(
    final.kind === 'model'
      ? [draft]
      : [join(draft, parts.base), ...final.adapter.map(({ name }) => join(draft, parts.adapter, name))],
  );

async function custodyOf(
  workspace: Workspace,
  { runStore, stored }: FoundRun,
  { final, pieces }: { readonly final: LocatedModel; readonly pieces: readonly Piece[] },
): Promise<Record<string, unknown>> {
  const { run } = stored;
  const row = (await readRows(workspace.artifacts)).find((one) => one.run === run.run);
  const manifests = await manifestsOf(runStore, stored);
  return {
    version: 1,
    phasebox: packageRoot().version,
    exported: new Date().toISOString(),
    kind: final.kind,
    run: run.run,
    phase: run.phase,
    seed: run.seed,
    variant: run.variant,
    model: modelOf(run),
    from: run.from,
    fuse: manifests.fuse !== undefined ? run.settings.fuse : null,
    checkpoint: row?.checkpoint ?? null,
    overall: row?.overall ?? null,
    strict: row?.strict ?? null,
    inputs: Object.fromEntries(Object.entries(manifests).map(([stage, { inputs }]) => [stage, inputs])),
    versions: Object.assign({}, ...Object.values(manifests).map(({ versions }) => versions)),
    base_sha256: final.kind === 'adapter' ? (final.base.hash ?? (await contentHash(final.base.folder))) : null,
    files: Object.fromEntries(pieces.map(({ to, sha256 }) => [to.split(sep).join('/'), sha256])),
  };
}

const modelOf = ({ model }: Run) => (model === null ? null : { source: model.source, revision: model.revision });

/** The message after an export, with what to do next. */
export function exportText({ folder, kind, files, bytes, cloned }: Exported, run: string): string {
  const [how, note] = cloned ? ['cloned', ' (it takes no space of its own)'] : ['copied', ''];
  const shown = relative(process.cwd(), folder) || folder;
  const path = shown.startsWith('..') ? folder : shown;
  const use =
    kind === 'model'
      ? ['--model', path]
      : ['--model', join(path, parts.base), '--adapter-path', join(path, parts.adapter)];
  const what =
    kind === 'model'
      ? `the final model of ${run} to ${folder}`
      : `base and adapter of ${run} (fuse.mode: none) to ${folder}, each in a folder of its own`;
  return `${how} ${what}: ${files} files, ${sizeText(bytes)}, complete${note}\nuse it: ${shellLine(['python', '-m', 'mlx_lm', 'chat', ...use])}\n`;
}

export const registerExport: Register = (program) => {
  documented(program.command('export'), {
    does: 'Copy the final model of a run to a new folder',
    notes: [
      'On file systems that support it, the copy is copy-on-write and takes no extra space. For a run with `fuse.mode: none`, the folder contains the base model and the adapter.',
    ],
    examples: ['phasebox export 43a-s0 ~/models/coder-43a'],
    exits: {
      0: 'the model is in the folder',
      1: 'the model is damaged or was removed, or the copy was interrupted',
      2: 'there is no such run, it has no final model yet, or the folder is not empty',
      3: 'this folder is not a workspace, or the folder cannot be written',
    },
  })
    .argument('<run>', 'a run, such as 43a-s0')
    .argument('<dir>', 'the folder to create; it must not exist, or must be empty')
    .action(async (run: string, target: string, _options, command) => {
      const stop = new AbortController();
      const onSignal = (): void => stop.abort(new CommandError(1, `Stopped: ${resolve(target)} was not made.`));
      // Once: a second Ctrl-C ends the process immediately. The next export to the same folder removes what is left.
      process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
      try {
        const exported = await exportRun(await workspaceOf(command, 'read'), { run, target, signal: stop.signal });
        print(exportText(exported, run));
      } finally {
        process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
      }
    });
};
