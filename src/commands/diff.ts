import { type DiffSide, diffRuns, diffText } from '../core/compare/diff.ts';
import { type RunScores, scoresOfRuns } from '../core/compare/run-scores.ts';
import { percent } from '../core/format.ts';
import { signed } from '../core/page/report-words.ts';
import { printableJson } from '../core/printable.ts';
import { custodyOf, versionsOf } from '../core/run/custody.ts';
import { partText } from '../core/score/measured.ts';
import type { Row } from '../events/row.ts';
import { readRows } from '../io/artifacts/results-file.ts';
import { manifestsOf, openRunStore, type RunStore } from '../io/artifacts/run-store.ts';
import { readScores } from '../io/page/page-input.ts';
import type { Workspace } from '../io/workspace/workspace.ts';
import { documented, type Register, workspaceOf } from './parts/command.ts';
import { missingRun } from './parts/find-run.ts';
import { print } from './parts/output.ts';

/** Prints the scores of two runs, finished or not, and what differs between them. Throws CommandError 2 (unknown run). */
export async function diff(
  workspace: Workspace,
  { a, b, json }: { readonly a: string; readonly b: string; readonly json: boolean },
): Promise<void> {
  const runStore = openRunStore(workspace.artifacts);
  await runStore.refresh();
  const rows = new Map((await readRows(workspace.artifacts)).map((row) => [row.run, row]));
  const side = (name: string): Promise<DiffSide> => sideOf(name, runStore, rows.get(name) ?? null);
  const [first, second] = [await side(a), await side(b)];
  const { prompts } = await readScores(
    workspace.artifacts,
    [first, second].flatMap(({ row }) => row ?? []),
  );
  const scored = ({ run, row }: DiffSide) => ({ run, row, prompts: prompts.get(run) ?? null });
  const scores = scoresOfRuns(scored(first), scored(second));
  const result = diffRuns(first, second);
  if (json) print(`${printableJson({ ...result, scores })}\n`);
  else print(`${scoresText([first, second], scores)}\n${diffText(result)}`);
}

function scoresText([a, b]: readonly [DiffSide, DiffSide], scores: RunScores): string {
  const width = Math.max(a.run.length, b.run.length);
  const line = ({ run, row }: DiffSide, overall: number | null): string => {
    const score = overall === null ? (row === null ? 'not finished' : row.status) : `${percent(overall)} %`;
    const gate = row?.verdict == null ? '' : `  gate: ${row.verdict}`;
    return `  ${run.padEnd(width)}  ${score}${gate}`;
  };
  const both = scores.a !== null && scores.b !== null;
  const ids = (list: readonly string[]): string => (list.length === 0 ? 'none' : list.join(', '));
  const lines = [
    scores.score_by === 'strict' ? 'Scores (strict)' : 'Scores',
    line(a, scores.a),
    line(b, scores.b),
    ...(scores.a !== null && scores.b !== null ? [`  difference: ${signed(scores.b - scores.a)} points`] : []),
    ...(scores.differ.length === 0
      ? []
      : [
          `  Not measured alike: ${scores.differ.map(partText).join(', ')} differ, so the difference may come from there.`,
        ]),
    ...(both && scores.prompts === null ? ['  The scores of single prompts are not known of both runs.'] : []),
    ...(scores.prompts === null
      ? []
      : [
          `  ${b.run} scores higher: ${ids(scores.prompts.fixed)}`,
          `  ${b.run} scores lower: ${ids(scores.prompts.regressed)}`,
          `  same: ${scores.prompts.same}`,
        ]),
  ];
  return `${lines.join('\n')}\n`;
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
    does: 'Compare the scores of two runs, and list what differs between them',
    notes: [
      'It shows the score of each run, and the prompts on which the second run scores higher or lower than the first.',
      'Differences that are known to affect scores are listed first (checkpoint, seed, suite, temperature, stop texts, system prompt, rendered prompts, versions, warm start, and `steps_per_eval`, which changes the order of the rows), followed by other settings and content hashes. The runs do not have to be finished.',
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
