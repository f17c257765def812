import type { ControlRequest } from '../events/request.ts';
import { type StageName, stageNames } from '../events/stages.ts';
import { ask } from './parts/ask.ts';
import { documented, oneOf, type Register, runOrPhase, type Usage, workspaceOf } from './parts/command.ts';

interface Requesting<Target> extends Usage {
  /** In `[]` it may be left out. */
  readonly argument: '<run-or-phase>' | '[run-or-phase]';
  readonly request: (target: Target) => ControlRequest;
}

/** A command that only sends a request about a run or a phase. */
const requesting =
  <Target>(name: string, { argument, request, ...usage }: Requesting<Target>): Register =>
  (program, exit) => {
    documented(program.command(name), usage)
      .argument(argument, runOrPhase)
      .action(async (target: Target, _options: unknown, command) => {
        exit(await ask(await workspaceOf(command, 'read'), request(target)));
      });
  };

const refusals = { 2: 'there is no such run or phase', 3: 'this folder is not a workspace' };

export const registerCancel = requesting('cancel', {
  argument: '<run-or-phase>',
  request: (target: string) => ({ kind: 'cancel', target }),
  does: 'Cancel a run, or all unfinished runs of a phase',
  notes: [
    'It stops the affected runs and deletes their temporary files, except those from which `phasebox retry` continues: the saved states and checkpoints of a training, and the answers of an eval. Their results then have the status `cancelled`. Finished runs keep their results.',
  ],
  examples: ['phasebox cancel 43a-s0', 'phasebox cancel 43a   # its queued and active runs'],
  exits: { 0: 'cancelled, or already finished', ...refusals },
});

export const registerPause: Register = (program, exit) => {
  documented(program.command('pause'), pauseUsage)
    .argument('[run-or-phase]', runOrPhase)
    .option('--now', 'interrupt the stage that is running')
    .action(async (target: string | undefined, { now }: { readonly now?: true }, command) => {
      const request = { kind: 'pause', target: target ?? null, ...(now === true ? { now } : {}) } as const;
      exit(await ask(await workspaceOf(command, 'read'), request));
    });
};

const pauseUsage: Usage = {
  does: 'Pause the workspace, a run or a phase',
  notes: [
    'Without an argument it pauses the whole workspace; with one, only that run or phase. A stage that is running finishes.',
    'With --now, a stage that is running is interrupted, so that the machine is free within seconds. A training saves its state after the current iteration, and continues exactly from there. An eval keeps its answers. Other stages start again.',
    'A queued run that is paused is skipped. A run that has already started stops before its next stage. It keeps its place, so no other run starts until you resume or cancel it.',
    'A pause survives restarts. `phasebox resume` ends it.',
  ],
  examples: ['phasebox pause', 'phasebox pause 43b', 'phasebox pause --now   # I need my computer'],
  exits: { 0: 'paused', ...refusals },
};

export const registerResume = requesting('resume', {
  argument: '[run-or-phase]',
  request: (target?: string) => ({ kind: 'resume', target: target ?? null }),
  does: 'End a pause',
  notes: [
    'Without an argument it ends only the pause of the workspace, and lists the runs and phases that are still paused. With a phase it also ends the pauses of its runs.',
  ],
  examples: ['phasebox resume', 'phasebox resume 43b'],
  exits: { 0: 'resumed', ...refusals },
});

export const registerPrioritize = requesting('prioritize', {
  argument: '<run-or-phase>',
  request: (target: string) => ({ kind: 'prioritize', target }),
  does: 'Move runs to the front of the queue',
  notes: [
    'The runs of the latest call come first. Runs of a phase keep their order. If a moved run starts from another queued run, that other run is moved to the front as well. Runs that have already started are not interrupted.',
  ],
  examples: ['phasebox prioritize 43b'],
  exits: { 0: 'moved', ...refusals },
});

export const registerForget: Register = (program, exit) => {
  documented(program.command('forget'), {
    does: 'Take a finished phase off the report',
    notes: [
      'The phase no longer appears in `phasebox status` and in the report, and its name can be used again. Nothing is deleted: its folder moves to artifacts/.forgotten/, and its results stay in results.jsonl. `phasebox gc` shows how much space it takes.',
      'With --undo, the phase that was forgotten last under this name returns, unless another phase has the name now.',
    ],
    examples: ['phasebox forget 43a', 'phasebox forget 43a --undo'],
    exits: {
      0: 'forgotten, or restored',
      2: 'there is no such phase; one of its runs is queued or running; a run of another phase starts from it; or, with --undo, the name is used again',
      3: 'this folder is not a workspace',
    },
  })
    .argument('<phase>', 'a phase, such as 43a')
    .option('--undo', 'bring it back', false)
    .action(async (target: string, { undo }: { undo: boolean }, command) => {
      exit(await ask(await workspaceOf(command, 'read'), { kind: 'forget', target, undo }));
    });
};

export const registerRetry: Register = (program, exit) => {
  documented(program.command('retry'), {
    does: 'Queue a failed or cancelled run again',
    notes: [
      'It resumes at the stage that failed or was cancelled, and its new result replaces the old one. Runs that start from this run, and that failed only because this run failed, are also queued again.',
      'With --stage, that stage and all later ones are repeated, even if the run is done.',
    ],
    examples: ['phasebox retry 43a-s0', 'phasebox retry 43a-s0 --stage fuse   # the same adapter, fused again'],
    exits: {
      0: 'queued again',
      2: 'there is no such run or phase; the run is done and --stage is missing; the run has no such stage; an input of the stage was removed; or another run that has already started uses the files that the retry would replace',
      3: 'this folder is not a workspace',
    },
  })
    .argument('<run-or-phase>', runOrPhase)
    .option('--stage <stage>', 'repeat this stage and all later ones', oneOf(stageNames))
    .action(async (target: string, { stage }: { stage?: StageName }, command) => {
      exit(await ask(await workspaceOf(command, 'read'), { kind: 'retry', target, stage: stage ?? null }));
    });
};
