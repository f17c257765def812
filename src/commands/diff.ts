import { type DiffSide, diffRuns, diffText } from '../core/compare/diff.ts';
import { printableJson } from '../core/printable.ts';
import { custodyOf, versionsOf } from '../core/run/custody.ts';
import type { Row } from '../events/row.ts';
import { readRows } from '../io/artifacts/results-file.ts';
import { manifestsOf, openRunStore, type RunStore } from '../io/artifacts/run-store.ts';
import type { Workspace } from '../io/workspace/workspace.ts';
import { documented, type Register, workspaceOf } from './parts/command.ts';
import { missingRun } from './parts/find-run.ts';
import { print } from './parts/output.ts';

/** Prints what differs between two runs, finished or not. Throws CommandError 2 (unknown run). */
export async function diff(
  workspace: Workspace,
  { a, b, json }: { readonly a: string; readonly b: string; readonly json: boolean },
): Promise<void> {
  const runStore = openRunStore(workspace.artifacts);
  await runStore.refresh();
  const rows = new Map((await readRows(workspace.artifacts)).map((row) => [row.run, row]));
  const side = (name: string): Promise<DiffSide> => sideOf(name, runStore, rows.get(name) ?? null);
  const result = diffRuns(await side(a), await side(b));
  print(json ? `${printableJson(result)}\n` : diffText(result));
}

async function sideOf(name: string, runStore: RunStore, row: Row | null): Promise<DiffSide> {
  const stored = runStore.get(name);
  if (stored === undefined) {
    if (row === null) throw missingRun(runStore, name);
    return { run: name, plan: null, row, custody: row.custody, versions: row.versions };
  }
  const noted = { run: stored.run, manifests: await manifestsOf(runStore, stored) };
  const custody = row?.custody ?? custodyOf({ ...noted, iteration: null });
  return { run: name, plan: stored.run, row, custody, versions: row?.versions ?? versionsOf(noted) };
}

export const registerDiff: Register = (program) => {
  documented(program.command('diff'), {
    does: 'List what differs between two runs',
    notes: [
      'Differences that are known to affect scores are listed first (checkpoint, seed, suite, temperature, stop texts, system prompt, rendered prompts, versions and warm start), followed by other settings and content hashes. The runs do not have to be finished.',
    ],
    examples: ['phasebox diff 43a-s0 43a-s1', 'phasebox diff 43a-s0 43b-s0 --json'],
    exits: { 0: 'the differences are shown', 2: 'there is no such run', 3: 'this folder is not a workspace' },
  })
    .argument('<run>', 'a run, such as 43a-s0')
    .argument('<other-run>', 'the run to compare it with')
    .option('--json', 'print one JSON document', false)
    .action(async (a: string, b: string, options: { json: boolean }, command) => {
      await diff(await workspaceOf(command, 'read'), { a, b, ...options });
    });
};
