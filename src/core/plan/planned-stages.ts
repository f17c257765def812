import { dirname, join } from 'node:path';
import type { Row } from '../../events/row.ts';
import type { Run } from '../../events/run.ts';
import { files } from '../../events/stages/mlx.ts';
import type { Command, Places, Programs, Work } from '../../events/stages/stage-row.ts';
import { withDefaults } from '../../events/stages/train.ts';
import { type StageName, stageFolder, stages } from '../../events/stages.ts';
import type { RunPlan } from '../config/lookups.ts';
import { lineageOf, placesOf } from '../run/lineage.ts';

export type CommandRun = RunPlan & { readonly seed: number; readonly preflight: readonly (readonly string[])[] };

/** The programs that the commands of planned runs call, and where the runs are. */
export interface PlannedTools extends Programs {
  run(id: string): string;
  /** Runs that others start from. */
  readonly plans: ReadonlyMap<string, RunPlan>;
}

/** What one stage does: these commands, in order, in `folder`, which also gets these files. */
export interface StageCommands {
  readonly stage: StageName;
  readonly folder: string;
  readonly files: readonly { readonly name: string; readonly text: string }[];
  readonly commands: readonly (readonly string[])[];
}

/** Each part of a run by the folder that it is in or will be in. */
export function plannedPlaces(run: RunPlan, tools: PlannedTools): Places {
  const find = (id: string): RunPlan | undefined => tools.plans.get(id);
  const at = (maker: RunPlan, stage: StageName): string => {
    const made = stage === 'fuse' || stage === 'quantize' ? files.model : files.adapter;
    return join(tools.run(maker.run), stageFolder(stage), made);
  };
  return placesOf(run.run, lineageOf(run, { find, at }), tools);
}

/** A step as commands for a terminal. What phasebox writes itself is among the files instead. */
function argvOf(command: Command, { python, driver }: Programs): (readonly string[])[] {
  switch (command.does) {
    case 'run':
      return [command.argv];
    case 'link':
      return [
        ['mkdir', '-p', dirname(command.name)],
        ['ln', '-sf', command.target, command.name],
      ];
    case 'remove':
      return [['rm', '-r', command.name]];
    case 'serve': {
      const adapter = command.adapter === null ? [] : ['--adapter-path', command.adapter];
      const address = ['--host', '127.0.0.1', '--port', 'PORT'];
      return [[python, driver('serve'), '--model', command.model, ...adapter, ...address]];
    }
    case 'write':
      return [];
  }
}

/** Every stage of a run with its exact commands. */
export function stageCommands(run: CommandRun, tools: PlannedTools): StageCommands[] {
  const places = plannedPlaces(run, tools);
  return run.chain.map((stage) => {
    const steps = stages[stage].commands(run, places);
    const argvs = steps.flatMap((step) => argvOf(step, tools));
    const isAgain = (argv: readonly string[], nth: number): boolean =>
      argv[0] === 'mkdir' && argvs.slice(0, nth).some((one) => one.join('\0') === argv.join('\0'));
    return {
      stage,
      folder: join(tools.run(run.run), stageFolder(stage)),
      files: steps.flatMap((step) => (step.does === 'write' ? [{ name: step.name, text: step.text }] : [])),
      commands: argvs.filter((argv, nth) => !isAgain(argv, nth)),
    };
  });
}

/** A run, as far as it decides how long its stages take. */
type TimedRun = Pick<Run, 'model' | 'settings' | 'chain' | 'train_defaults'>;

export interface Finished {
  readonly row: Pick<Row, 'status' | 'seconds'>;
  readonly run: TimedRun;
}

/** Seconds that stages may take, as far as known, by this number of earlier runs of the same model. */
export interface StageTimes {
  readonly runs: number;
  readonly seconds: Partial<Record<StageName, number>>;
}

function median(values: readonly number[]): number | null {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? null;
}

function workOf({ settings, train_defaults }: TimedRun): Work<Run['settings']> {
  const { iters, batch_size } = withDefaults(settings.train ?? {}, train_defaults);
  return { settings, steps: iters * batch_size };
}

/** From done runs of the same model. The time of a training run is scaled by iters x batch_size. */
export function stageTimes(run: TimedRun, finished: readonly Finished[]): StageTimes {
  const alike = finished.filter(
    (one) => one.row.status === 'done' && one.run.model !== null && one.run.model.source === run.model?.source,
  );
  const seconds: Partial<Record<StageName, number>> = {};
  for (const stage of run.chain) {
    const known = alike.flatMap((one) => {
      const spent = one.row.seconds[stage];
      const factor = stages[stage].timeFactor(workOf(run), workOf(one.run));
      return spent === undefined || factor === null || !one.run.chain.includes(stage) ? [] : [spent * factor];
    });
    const middle = median(known);
    if (middle !== null) seconds[stage] = middle;
  }
  return { runs: alike.length, seconds };
}
