import { join } from 'node:path';
import { phaseDefaults } from '../core/config/check-train.ts';
import type { RunDraft, RunPlan } from '../core/config/lookups.ts';
import { phaseOfRun } from '../core/config/plan-runs.ts';
import { runDisk } from '../core/mlx/estimate.ts';
import { differencesText, type PlannedPhase, type PlannedRun, planText } from '../core/plan/plan-text.ts';
import { type PlannedTools, stageCommands, stageTimes } from '../core/plan/planned-stages.ts';
import { settingDifferences, trainSettings } from '../core/plan/settings-shown.ts';
import { printableJson } from '../core/printable.ts';
import { inParallel } from '../io/disk/in-parallel.ts';
import { driverPath } from '../io/host/package-root.ts';
import { readModelShape } from '../io/model/model-folder.ts';
import type { Workspace } from '../io/workspace/workspace.ts';
import {
  type DataCheck,
  dataChecks,
  openPlanContext,
  type PlanContext,
  type Read,
  readAll,
  sourcePlans,
  suiteOf,
} from '../producers/plan-context.ts';
import { documented, type Register, workspaceOf } from './parts/command.ts';
import { print, warn, warnOutsideOutput } from './parts/output.ts';

export interface PlanOptions {
  readonly workspace: Workspace;
  /** Another config. Only the differences are shown. */
  readonly against?: string;
  readonly json?: boolean;
  readonly print: (text: string) => void;
  readonly warn?: (line: string) => void;
}

/** Shows what configs would do, and changes nothing. Throws CommandError (2, 3). */
export async function plan(files: readonly string[], options: PlanOptions): Promise<void> {
  const { against, print, workspace } = options;
  const context = await openPlanContext(workspace);
  const reads = await readAll(against === undefined ? files : [against, ...files], context);
  const [first, ...others] = reads;
  for (const { file, warnings } of reads) for (const text of warnings) options.warn?.(`${file}: ${text}`);
  if (against !== undefined && first !== undefined) await printDifferences(first, others, { context, options });
  else {
    // One for all files: it runs one check at a time, and none twice.
    const check = dataChecks(context.python, context.lookups);
    const planned = await Promise.all(reads.map((read) => planPhase(read, context, check)));
    print(
      options.json
        ? `${printableJson({ phases: planned.map(planJson), warnings: workspace.warnings ?? [] })}\n`
        : planned.map(planText).join('\n'),
    );
  }
}

function planJson({ file, phase, missing, warnings, prompts, runs }: PlannedPhase): Record<string, unknown> {
  const { criteria = null, baseline = null } = phase;
  return {
    ...{ file, phase: phase.phase, title: phase.title ?? null, missing, warnings, prompts, criteria, baseline },
    runs: runs.map(({ draft, train, data, stages, disk, sizeSource, times }) => ({
      ...{ run: draft.run, from: draft.from, chain: draft.chain, settings: draft.settings, train },
      data_check: data === null ? null : data.checked ? { checked: true, ...data.report } : data,
      stages: stages.map((one) => ({ ...one, seconds: times.seconds[one.stage] ?? null })),
      ...{ disk, size_source: sizeSource, earlier_runs: times.runs },
    })),
  };
}

async function planPhase(read: Read, context: PlanContext, check: DataCheck): Promise<PlannedPhase> {
  const plans = await sourcePlans(read.runs, context.lookups);
  const suites = await inParallel(read.runs, (run) => suiteOf(run, context.lookups));
  const runs = await inParallel(read.runs, (run) => planRun(run, plans, { ...context, check }));
  const { file, config: phase, missing, warnings } = read;
  return { file, phase, prompts: suites[0]?.prompts.length ?? 0, missing, warnings, runs };
}

async function planRun(
  draft: RunDraft,
  plans: ReadonlyMap<string, RunPlan>,
  context: PlanContext & { readonly check: DataCheck },
): Promise<PlannedRun> {
  const { train } = draft.settings;
  const source = draft.model?.source ?? '';
  const shape = await readModelShape(source, draft.model?.folder ?? null);
  const tools: PlannedTools = {
    python: context.python,
    driver: driverPath,
    baseModel: draft.model?.folder ?? source,
    run: (id) => join(context.workspace.artifacts, phaseOfRun(id) ?? '', id),
    plans,
  };
  return {
    draft,
    train: train === null || !draft.chain.includes('train') ? [] : trainSettings(train, draft.train_defaults ?? null),
    stages: stageCommands(draft, tools),
    disk: shape === null ? null : runDisk(shape, draft),
    sizeSource: shape?.source ?? null,
    times: stageTimes(draft, context.finished),
    data: await context.check(draft),
  };
}

async function printDifferences(
  before: Read,
  others: readonly Read[],
  { context, options }: { readonly context: PlanContext; readonly options: PlanOptions },
): Promise<void> {
  const trains = [before, ...others].some(({ runs }) => runs.some((run) => run.settings.train !== null));
  const defaults = trains ? phaseDefaults((await context.lookups.facts()).defaults) : {};
  const found = others.map((read) => ({
    names: { before: before.phase, after: read.phase },
    differences: settingDifferences(before.config, read.config, defaults),
  }));
  const text = found.map((one) => differencesText(one.names, one.differences)).join('\n');
  options.print(options.json ? `${printableJson(found)}\n` : text);
}

export const registerPlan: Register = (program) => {
  documented(program.command('plan'), {
    does: 'Show what a config would do',
    notes: [
      'It shows what the model would be trained on, the stages with their exact commands, and the estimated disk space and time. Nothing is changed.',
    ],
    examples: ['phasebox plan 43a.yaml', 'phasebox plan 43b.yaml --against 43a.yaml'],
    exits: {
      0: 'the plan is shown, even if the model or the data is missing',
      2: 'a config is not valid',
      3: 'the environment is not ready, such as a Python without mlx_lm',
    },
  })
    .argument('<file...>', 'configs')
    .option('--against <file>', 'show only the differences from this config')
    .option('--json', 'print one JSON document')
    .action(async (files: string[], options: Pick<PlanOptions, 'against' | 'json'>, command) => {
      const workspace = await workspaceOf(command, 'read');
      const shows = options.against === undefined;
      await plan(files, { ...options, workspace, print, warn: shows ? await warnOutsideOutput() : warn });
    });
};
