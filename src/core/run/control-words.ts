import type { Outcome, Request } from '../../events/request.ts';
import type { Hold } from './control.ts';

type Sentence = (about: string, detail: string) => string;

/** The results of requests. `refused`: it was not done, so the command ends with 2, or with 1 for `error`. */
const sentences: Readonly<Record<Outcome['did'], { readonly say: Sentence; readonly refused?: true }>> = {
  unknown: { say: (about) => `There is no run or phase ${about} now.`, refused: true },
  cancelled: { say: (about) => `${about}: cancelled` },
  over: { say: (about) => `${about}: already finished; result kept` },
  held: {
    say: (about, detail) =>
      `${about}: stopped, but a process that could not be verified to be phasebox's own still runs in ${detail}`,
    refused: true,
  },
  retried: { say: (about, detail) => `${about}: queued again${detail === '' ? '' : `, resumes at ${detail}`}` },
  returned: { say: (about, detail) => `${about}: queued again, as ${detail} is` },
  not_over: {
    say: (about, detail) =>
      `${about}: ${detail === 'waiting' ? 'already queued' : 'already running; `phasebox cancel` stops it'}`,
  },
  done: {
    say: (about, detail) =>
      `${about}: already done. \`--stage STAGE\` repeats it from that stage on. Its stages: ${detail}`,
    refused: true,
  },
  no_stage: { say: (about, detail) => `${about}: has no such stage. Its stages: ${detail}`, refused: true },
  needed: {
    say: (about, detail) =>
      `${about}: not retried, since what would be made again is read by ${detail}. Wait for them or cancel them first.`,
    refused: true,
  },
  source_over: {
    say: (about, detail) =>
      `${about}: not retried, since ${detail}, which it starts from, does not have the stage that it reads. Retry that one.`,
    refused: true,
  },
  input_removed: {
    say: (about, detail) =>
      `${about}: not retried, since the model that the stage reads was removed. Use \`--stage ${detail}\`.`,
    refused: true,
  },
  paused: {
    say: (about) =>
      about === ''
        ? 'paused: no new stage starts. `phasebox resume` lifts it.'
        : `${about}: paused. \`phasebox resume ${about}\` lifts it.`,
  },
  finishes: { say: (about, detail) => `${about}: finishes ${detail} first` },
  resumed: { say: (about) => (about === '' ? 'resumed' : `${about}: resumed`) },
  still_paused: {
    say: (about, detail) =>
      detail === ''
        ? `${about}: still paused, since the whole workspace is. \`phasebox resume\` lifts that.`
        : `${detail}: still paused. \`phasebox resume ${detail}\` lifts that.`,
  },
  not_paused: { say: (about) => (about === '' ? 'The workspace was not paused.' : `${about}: was not paused`) },
  prioritized: { say: (about) => `${about}: moved before all other queued runs` },
  nothing_waits: { say: (about) => `${about}: not queued, so nothing was changed` },
  stopped: {
    say: (about) =>
      about === '' ? 'asked to stop' : `${about}: its tool was stopped; \`phasebox up\` starts the stage from scratch`,
  },
  broker_stopped: { say: () => 'stopped the broker that an earlier `phasebox up` left running' },
  error: { say: (about, detail) => `${about === '' ? 'phasebox failed at it' : about}: ${detail}`, refused: true },
};

/** One line for the result of a request. */
export const outcomeText = ({ about, did, detail }: Outcome): string => sentences[did].say(about ?? '', detail ?? '');

/** True if something that was requested was not done. */
export const isRefused = ({ did }: Outcome): boolean => sentences[did].refused === true;

/** 0, 2 when nothing of what was asked for could be done, 1 when phasebox itself failed at it. */
export function requestExitCode(outcomes: readonly Outcome[]): 0 | 1 | 2 {
  if (outcomes.some(({ did }) => did === 'error')) return 1;
  return outcomes.length > 0 && outcomes.every(isRefused) ? 2 : 0;
}

/** `paused since 2026-..., phasebox resume 43a lifts it` */
export const holdText = ({ since, target }: Hold): string =>
  target === null
    ? `the workspace is paused since ${since}: phasebox resume`
    : `${target.name} is paused since ${since}: phasebox resume ${target.name}`;

/** For the line that is shown while a command waits for `up`. */
export const requestText = (request: Request): string =>
  'target' in request && request.target !== null ? `${request.kind} ${request.target}` : request.kind;
