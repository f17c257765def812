import { dirname, join } from 'node:path';
import { files } from '../../events/stages/mlx.ts';
import type { Command, Machine, Places, Programs } from '../../events/stages/stage-row.ts';
import { type StageName, stageFolder, stages } from '../../events/stages.ts';
import type { RunPlan } from '../config/lookups.ts';
import { lineageOf, placesOf } from '../run/lineage.ts';

export type CommandRun = RunPlan & { readonly seed: number; readonly preflight: readonly (readonly string[])[] };

/** The programs that the commands of planned runs call, and where the runs are. */
export interface PlannedTools extends Machine {
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
  /** A command of mlx_lm alone with the same result as the last one. Null if there is none. */
  readonly plain: readonly string[] | null;
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
      plain: steps.flatMap((step) => (step.does === 'run' ? [step.plain ?? null] : [])).at(-1) ?? null,
    };
  });
}
