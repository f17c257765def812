import type { Settings } from '../../events/stages.ts';
import { shellLine, shellWord } from './shell.ts';
import type { Judged } from './stage-commands.ts';

/**
 * The eval of a phase with `eval.engine`, of which a script can only tell: it does not serve a model proven to be the one
 * that answers, and makes no score of what an engine writes.
 */
export function engineLines(
  { command }: NonNullable<Settings<'eval'>['engine']>,
  { model, adapter }: Judged,
): string[] {
  const folders = [
    'PHASEBOX_MODEL_DIR=',
    shellWord(model),
    ...(adapter === null ? [] : [' PHASEBOX_ADAPTER_DIR=', shellWord(adapter)]),
  ];
  return [
    '# eval.engine is not run by this script: phasebox serves the model to it and makes the score of what it writes.',
    `say() { printf '%s\\n' "$*"; }`,
    'say "not scored: eval.engine is run by phasebox alone"',
    'say "by hand, in $workspace: PHASEBOX_BASE_URL=(a server of your own on this model) PHASEBOX_RESULTS=(a file)"',
    `say ${folders.join('')}`,
    `say ${shellWord(shellLine(command))}`,
  ];
}
