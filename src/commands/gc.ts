import { relative } from 'node:path';
import { plural, sizeText } from '../core/format.ts';
import { sortRows } from '../io/artifacts/removed-runs.ts';
import { readRows } from '../io/artifacts/results-file.ts';
import { openRunStore } from '../io/artifacts/run-store.ts';
import { machineHolder } from '../io/claim/machine-slot.ts';
import { damageOf } from '../io/disk/own-file.ts';
import type { Workspace } from '../io/workspace/workspace.ts';
import { leftOutText } from '../workers/queue/report-store.ts';
import { documented, type Register, workspaceOf } from './parts/command.ts';
import { bulkOf, freeUp, type Garbage, leftoversOf, neededStages, type StoredRows } from './parts/garbage.ts';
import { printLine } from './parts/output.ts';
import { forgottenGarbage, sharedGarbage } from './parts/shared-garbage.ts';

export interface GcOptions {
  readonly models: boolean;
  /** Include the checkpoints of done runs, and what failed or cancelled trainings could resume from. */
  readonly checkpoints: boolean;
  /** Include what lies in artifacts/.forgotten/. */
  readonly forgotten: boolean;
  readonly yes: boolean;
  readonly out: (line: string) => void;
}

/** Lists what can be freed, and frees it if requested. Returns the bytes (freed, or that could be). */
export async function gc(workspace: Workspace, options: GcOptions): Promise<number> {
  const { yes, out } = options;
  const { found: all, damaged } = await findGarbage(workspace);
  const wanted = all.filter(
    ({ kind }) =>
      kind === 'leftover' ||
      { model: options.models, checkpoints: options.checkpoints, forgotten: options.forgotten }[kind],
  );
  const serving = await isServing(workspace);
  let bytes = 0;
  for (const garbage of wanted) {
    const line = `${sizeText(garbage.bytes).padStart(9)}  ${garbage.what}  (${relative(workspace.root, garbage.folder)})`;
    const freed = !yes || (!(serving && garbage.kind === 'model') && (await freeUp(garbage)));
    out(freed ? line : `${line}: not deleted, since a tool works there`);
    if (freed) bytes += garbage.bytes;
  }
  const can = yes ? `${sizeText(bytes)} freed` : `${sizeText(bytes)} can be freed: add --yes`;
  const more = withheld(all, options, wanted.length === 0 ? '' : ' more');
  const nothing = more.length === 0 ? 'nothing to free' : 'nothing to free without further options';
  out(wanted.length === 0 ? nothing : can);
  for (const line of more) out(line);
  for (const line of damaged) out(line);
  return bytes;
}

/** A chat server of this workspace reads a final model. */
async function isServing({ root }: Workspace): Promise<boolean> {
  const holder = await machineHolder();
  return holder?.workspace === root && holder.what.startsWith('serve of ');
}

/** `damaged`: a line for each run that cannot be read. Nothing of it is deleted, nor anything that it may need. */
async function findGarbage(workspace: Workspace) {
  const runStore = openRunStore(workspace.artifacts);
  await runStore.refresh();
  const { own: rows } = await sortRows(await readRows(workspace.artifacts), runStore);
  const storedRows: StoredRows = { runStore, rows };
  const needed = neededStages(storedRows);
  const found: Garbage[] = [];
  const bulk: Garbage[] = [];
  const damaged = runStore.leftOut().flatMap((left) => (left.kind === 'damaged' ? [leftOutText(left)] : []));
  for (const stored of runStore.all())
    try {
      found.push(...(await leftoversOf(storedRows, stored)).filter(({ bytes }) => bytes > 0));
      bulk.push(...(await bulkOf(storedRows, stored, needed)));
    } catch (error) {
      damaged.push(`${stored.run.run}: not deleted. ${damageOf(error).message}`);
    }
  if (damaged.length > 0)
    damaged.push('Models, checkpoints and base scores stay while a run cannot be read: it may need them.');
  const rest = damaged.length > 0 ? [] : [...bulk, ...(await sharedGarbage(workspace, storedRows))];
  return { found: [...found, ...rest, ...(await forgottenGarbage(workspace))], damaged };
}

function withheld(
  all: readonly Garbage[],
  { models, checkpoints, forgotten }: GcOptions,
  also: '' | ' more',
): string[] {
  const done = ' of runs that are done';
  const states = ', or of saved states of trainings that failed or were cancelled';
  const kinds = [
    ...(models ? [] : [{ kind: 'model', flag: '--models', one: 'final model', of: done }]),
    ...(checkpoints
      ? []
      : [{ kind: 'checkpoints', flag: '--checkpoints', one: 'set', of: ` of checkpoints${done}${states}` }]),
    ...(forgotten ? [] : [{ kind: 'forgotten', flag: '--forgotten', one: 'phase', of: ' in artifacts/.forgotten/' }]),
  ];
  return kinds.flatMap(({ kind, flag, one, of }) => {
    const some = all.filter((garbage) => garbage.kind === kind);
    const bytes = some.reduce((sum, garbage) => sum + garbage.bytes, 0);
    return some.length === 0 ? [] : [`${flag} would free ${sizeText(bytes)}${also}: ${plural(some.length, one)}${of}`];
  });
}

export const registerGc: Register = (program) => {
  documented(program.command('gc'), {
    does: 'Show or delete what is no longer needed',
    notes: [
      'Without --yes it only shows what it would delete. It never deletes inputs of queued or started runs, or models that cannot be rebuilt from an adapter. While the `run.json` or journal of any run cannot be read, it also keeps all models, checkpoints and base scores.',
    ],
    examples: ['phasebox gc', 'phasebox gc --models --yes'],
    exits: { 0: 'shown, or deleted', 3: 'this folder is not a workspace' },
  })
    .option(
      '--models',
      'include final models of runs that are done; they can be rebuilt from adapter and config',
      false,
    )
    .option(
      '--checkpoints',
      'include checkpoints of runs that are done (the final adapter is kept), and saved states of trainings that failed or were cancelled',
      false,
    )
    .option('--forgotten', 'include phases that were forgotten or replaced; they cannot be restored afterwards', false)
    .option('--yes', 'delete what is shown', false)
    .action(async (options: Omit<GcOptions, 'out'>, command) => {
      await gc(await workspaceOf(command, 'read'), { ...options, out: printLine });
    });
};
