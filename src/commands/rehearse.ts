import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunDraft } from '../core/config/lookups.ts';
import { CommandError } from '../core/errors.ts';
import { duration, listSome } from '../core/format.ts';
import { isRehearsable } from '../core/plan/rehearsal-recipe.ts';
import { printableJson } from '../core/printable.ts';
import { rehearsalText } from '../core/run/rehearsal-words.ts';
import { promptDate } from '../core/score/rendering.ts';
import type { RehearsalRecord } from '../events/rehearsal.ts';
import { nonce } from '../io/disk/files.ts';
import { findPython } from '../io/model/pythons.ts';
import { byHandFolder, writeRehearsal } from '../io/workspace/rehearsals.ts';
import { openPlanContext, readAll } from '../producers/plan-context.ts';
import { rehearse } from '../workers/rehearsal/rehearse.ts';
import { documented, type Register, workspaceOf } from './parts/command.ts';
import { AskedToLeave, catchSignals } from './parts/ending.ts';
import { print, printLine, warn } from './parts/output.ts';
import { keyOfDraft } from './parts/rehearsed.ts';

/** Runs that share a rehearsal. */
interface Recipe {
  readonly key: string;
  readonly draft: RunDraft;
  readonly folder: string;
  readonly runs: readonly string[];
}

/** One rehearsal for each recipe, in the order of the drafts. Throws CommandError 2 if a model is not on this machine. */
async function recipesOf(
  drafts: readonly RunDraft[],
  known: Parameters<typeof keyOfDraft>[1],
): Promise<readonly Recipe[]> {
  const recipes = new Map<string, Recipe>();
  for (const draft of drafts.filter(isRehearsable)) {
    const key = await keyOfDraft(draft, known);
    const folder = draft.model?.folder ?? null;
    if (key === null || folder === null)
      throw new CommandError(2, `${draft.run}: its model ${draft.model?.source ?? ''} is not on this machine.`);
    const runs = [...(recipes.get(key)?.runs ?? []), draft.run];
    recipes.set(key, { key, draft, folder, runs });
  }
  return [...recipes.values()];
}

export const registerRehearse: Register = (program, exit) => {
  documented(program.command('rehearse'), {
    does: 'Check in a minute or two that the trainings of a config would not fail',
    notes: [
      'It loads the model, reads all rows, takes two steps on the longest batch and some on usual ones, measures a validation batch, saves an adapter, and sends the first prompt of the suite to the model server. It says whether the training fits into memory and how fast it is, or why it would fail. Runs that differ only in the seed are rehearsed once, and so are runs that share a training. Nothing is submitted. `phasebox up` does not repeat a rehearsal that found no error.',
    ],
    examples: ['phasebox rehearse 43a.yaml', 'phasebox rehearse 43a.yaml 43b.yaml --json'],
    exits: {
      0: 'no error was found',
      1: 'a training would fail',
      2: 'a config is not valid, or its model is not on this machine',
      3: 'the environment is not ready, such as a Python without mlx_lm',
    },
  })
    .argument('<file...>', 'configs')
    .option('--json', 'print one JSON document')
    .action(async (files: string[], { json = false }: { json?: boolean }, command) => {
      const workspace = await workspaceOf(command, 'write');
      const signal = catchSignals();
      const python = await findPython(workspace);
      const context = await openPlanContext(workspace);
      const reads = await readAll(files, context);
      for (const { file, warnings } of reads) for (const text of warnings) warn(`${file}: ${text}`);
      const recipes = await recipesOf(
        reads.flatMap(({ runs }) => runs),
        context,
      );
      const say = json ? warn : printLine;
      if (recipes.length === 0) say('no run of these configs has a training of its own');
      const records: RehearsalRecord[] = [];
      for (const recipe of recipes) records.push(await one(recipe, { workspace, python, signal, say }));
      if (json) print(`${printableJson({ rehearsals: records })}\n`);
      exit(records.some(({ result }) => result.error !== null) ? 1 : 0);
    });
};

interface Setting {
  readonly workspace: Awaited<ReturnType<typeof workspaceOf>>;
  readonly python: string;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}

async function one({ key, draft, folder, runs }: Recipe, setting: Setting): Promise<RehearsalRecord> {
  const { workspace, python, signal, say } = setting;
  const names = listSome(runs);
  const now = new Date().toISOString();
  await mkdir(byHandFolder(workspace.state), { recursive: true });
  const dir = join(byHandFolder(workspace.state), nonce());
  say(`${names}: rehearsal ...`);
  const { result, seconds } = await rehearse(
    { run: draft, baseModel: folder, dir, date: promptDate(now) },
    { workspace, python, signal, onWait: (text) => say(`${names}: ${text}`) },
  ).catch((error: unknown) => {
    if (signal.reason instanceof AskedToLeave) throw new CommandError(3, 'The rehearsal was stopped.');
    throw error;
  });
  say(`${names}: rehearsed in ${duration(seconds)}: ${rehearsalText(result)}`);
  for (const text of result.warnings ?? []) say(`${names}: warning: ${text}`);
  const record: RehearsalRecord = { version: 1, key, at: new Date().toISOString(), seconds, runs: [], result };
  if (result.seconds_per_iteration !== null || result.error !== null) await writeRehearsal(workspace.state, record);
  return { ...record, runs: [...runs] };
}
