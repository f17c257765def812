import { join } from 'node:path';
import { phaseDefaults } from '../core/config/check-train.ts';
import type { RunDraft, RunPlan } from '../core/config/lookups.ts';
import { phaseOfRun } from '../core/config/plan-runs.ts';
import { layerCounts, runDisk } from '../core/mlx/estimate.ts';
import type { RunTime } from '../core/plan/night.ts';
import { differencesText, type PlannedPhase, type PlannedRun, planText } from '../core/plan/plan-text.ts';
import { type PlannedTools, stageCommands } from '../core/plan/planned-stages.ts';
import { settingDifferences, trainSettings } from '../core/plan/settings-shown.ts';
import { printableJson } from '../core/printable.ts';
import { completeTrain } from '../events/stages/train.ts';
import { inParallel } from '../io/disk/in-parallel.ts';
import { memoryLimit } from '../io/host/memory-limit.ts';
import { driverPath } from '../io/host/package-root.ts';
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
import { type NightPlace, openNightReader } from '../workers/queue/night.ts';
import { type NightFacts, openNightFacts } from '../workers/queue/night-facts.ts';
import { documented, type Register, workspaceOf } from './parts/command.ts';
import { nightLine, openNight, saidNight } from './parts/night.ts';
import { print, warn, warnOutsideOutput } from './parts/output.ts';
import { openRehearsed, type RehearsedByRecipe } from './parts/rehearsed.ts';

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
    const drafts = reads.flatMap(({ runs }) => runs);
    const rehearsed = await openRehearsed(context);
    const place = { ...(await openNight(workspace)), rehearsed };
    const facts = openNightFacts(workspace.root);
    const reader = openNightReader(place);
    const timed = { ...context, rehearsed, times: await reader.times(drafts), earlier: earlierRuns(place), facts };
    const planned = await Promise.all(reads.map((read) => planPhase(read, timed, check)));
    const view = await reader.night(drafts);
    const text = await saidNight(place, view);
    const phases = planned.map(planJson);
    print(
      options.json
        ? `${printableJson({ phases, night: view.night, warnings: workspace.warnings ?? [] })}\n`
        : `${planned.map(planText).join('\n')}${text === null ? '' : `\n${nightLine(text)}\n`}`,
    );
  }
}

const unknownTime = { seconds: null, low: null, high: null, from: null };

/** A plan's context with what is known about times. */
interface Timed extends PlanContext {
  readonly times: ReadonlyMap<string, RunTime>;
  readonly rehearsed: RehearsedByRecipe;
  /** Done runs by their base model. */
  readonly earlier: ReadonlyMap<string, number>;
  readonly facts: Pick<NightFacts, 'shape'>;
}

function earlierRuns({ runStore, rows }: NightPlace): Map<string, number> {
  const found = new Map<string, number>();
  for (const { run } of runStore.all()) {
    if (run.model === null || rows.get(run.run)?.status !== 'done') continue;
    found.set(run.model.source, (found.get(run.model.source) ?? 0) + 1);
  }
  return found;
}

function planJson({ file, phase, missing, warnings, prompts, runs }: PlannedPhase): Record<string, unknown> {
  const { criteria = null, baseline = null } = phase;
  return {
    ...{ file, phase: phase.phase, title: phase.title ?? null, missing, warnings, prompts, criteria, baseline },
    runs: runs.map(({ draft, train, layers, data, stages, disk, sizeSource, rehearsed, times }) => ({
      ...{ run: draft.run, from: draft.from, chain: draft.chain, settings: draft.settings, train, layers },
      data_check: data === null ? null : data.checked ? { checked: true, ...data.report } : data,
      stages: stages.map((one) => ({ ...one, ...(times.stages?.[one.stage] ?? unknownTime) })),
      ...{ disk, size_source: sizeSource, rehearsed, earlier_runs: times.earlier },
    })),
  };
}

async function planPhase(read: Read, context: Timed, check: DataCheck): Promise<PlannedPhase> {
  const plans = await sourcePlans(read.runs, context.lookups);
  const suites = await inParallel(read.runs, (run) => suiteOf(run, context.lookups));
  const runs = await inParallel(read.runs, (run) => planRun(run, plans, { ...context, check }));
  const { file, config: phase, missing, warnings } = read;
  return { file, phase, prompts: suites[0]?.prompts.length ?? 0, missing, warnings, runs };
}

async function planRun(
  draft: RunDraft,
  plans: ReadonlyMap<string, RunPlan>,
  context: Timed & { readonly check: DataCheck },
): Promise<PlannedRun> {
  const train = draft.chain.includes('train') ? draft.settings.train : null;
  const complete = train === null ? null : completeTrain(draft);
  const source = draft.model?.source ?? '';
  const shape = await context.facts.shape(draft, async () => []);
  const tools: PlannedTools = {
    python: context.python,
    driver: driverPath,
    memoryLimit: memoryLimit(draft.memory_gb ?? context.workspace.config.memory_gb),
    baseModel: draft.model?.folder ?? source,
    run: (id) => join(context.workspace.artifacts, phaseOfRun(id) ?? '', id),
    plans,
  };
  return {
    draft,
    train: train === null ? [] : trainSettings(train, draft.train_defaults ?? null),
    layers: shape === null || complete === null ? null : layerCounts(shape, complete),
    stages: stageCommands(draft, tools),
    disk: shape === null ? null : runDisk(shape, draft),
    sizeSource: shape?.source ?? null,
    rehearsed: await context.rehearsed(draft),
    times: {
      stages: context.times.get(draft.run)?.stages ?? null,
      total: context.times.get(draft.run)?.total ?? null,
      earlier: context.earlier.get(source) ?? 0,
    },
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
      'It shows what the model would be trained on, the stages with their exact commands, and the estimated disk space and time. It also sums up the night with these runs. Nothing is changed.',
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
