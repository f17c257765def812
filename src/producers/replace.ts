import { join } from 'node:path';
import { standing } from '../core/run/due.ts';
import { readersOf } from '../core/run/lineage.ts';
import type { PhaseRecord, Run } from '../events/run.ts';
import { committedStages, readJournal, readRun, readRunNow, runFolders } from '../io/artifacts/run-folder.ts';
import { inParallel } from '../io/disk/in-parallel.ts';
import { inSlices } from '../io/disk/in-slices.ts';
import { ifDamaged } from '../io/disk/own-file.ts';

/** A corrected config replaces a phase of which no run has ever finished a stage: there is no result that it would change. */

/** Why a phase must stay, as a sentence with what to do, or null. A run that cannot be read or is gone may have a result. */
export async function whyItStays(artifacts: string, { phase, runs }: PhaseRecord): Promise<string | null> {
  const found = await inParallel(runs, (run) => progressOf(join(artifacts, phase, run)).catch(ifDamaged('unknown')));
  const of = (...kinds: readonly Progress[]): string =>
    runs.filter((_, index) => kinds.some((kind) => kind === found[index])).join(', ');
  const [committed, unknown, working] = [of('committed'), of('unknown'), of('working')];
  if (committed !== '') return `Runs that already have finished stages: ${committed}.`;
  if (unknown !== '') return `It is not known what ${unknown} has done, since its folder is gone or damaged.`;
  if (working !== '')
    return `Working now: ${working}. After \`phasebox cancel ${phase}\` the file can be submitted again.`;
  const plans = await inSlices(await runFolders(artifacts), planNow);
  const readers = readersOf(
    plans.filter((plan) => plan !== null),
    phase,
  );
  if (readers.length === 0) return null;
  const names = [...new Set(readers.map((reader) => reader.phase))];
  const commands = names.map((name) => `\`phasebox cancel ${name}\`, \`phasebox forget ${name}\``).join(', ');
  return `Runs of another phase start from it: ${readers.map(({ run }) => run).join(', ')}. After ${commands} both files can be submitted again.`;
}

type Progress = 'committed' | 'unknown' | 'working' | 'nothing';

async function progressOf(folder: string): Promise<Progress> {
  if ((await readRun(folder)) === null) return 'unknown';
  const [journal, committed] = [await readJournal(folder), await committedStages(folder)];
  // `retry --stage` removes finished stages, and the journal still knows of them.
  if (committed.size > 0 || journal.some(({ event }) => event === 'committed')) return 'committed';
  const hasRow = journal.findLast(({ event }) => event === 'row' || event === 'retried')?.event === 'row';
  const stand = standing(journal, hasRow);
  return stand === 'waiting' || stand === 'over' ? 'nothing' : 'working';
}

/** A run that cannot be read does not run, so it reads nothing. */
function planNow(folder: string): Run | null {
  try {
    return readRunNow(folder);
  } catch (error) {
    return ifDamaged(null)(error);
  }
}
