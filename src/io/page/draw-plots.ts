import { mkdir, realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Summary } from '../../core/compare/summary.ts';
import { trainingSteps } from '../../core/mlx/training.ts';
import { lastNight } from '../../core/page/plot-course.ts';
import {
  categoryData,
  modeData,
  overallData,
  stageSpans,
  type TrainingCurve,
  trainingCurve,
} from '../../core/page/plot-data.ts';
import { type PlotName, plotNames, plotSpecs } from '../../core/page/plots.ts';
import { mostShown } from '../../core/page/shown.ts';
import type { Row } from '../../events/row.ts';
import { stageFolder } from '../../events/stages.ts';
import { readJournal } from '../artifacts/run-folder.ts';
import { readTraining } from '../artifacts/training-files.ts';
import { readText, writeWhole } from '../disk/files.ts';
import { inParallel } from '../disk/in-parallel.ts';
import { removeInside } from '../disk/inside.ts';
import { ifDamaged } from '../disk/own-file.ts';

export interface PlotInput {
  readonly rows: readonly Row[];
  /** Of the phases on the page. */
  readonly summaries: readonly Summary[];
  /** The number of phases with a score. */
  readonly phases: number;
}

/** The plots that have data, by name. The same rows give the same plots. */
export async function planPlots(artifacts: string, { rows, summaries, phases }: PlotInput): Promise<PlannedPlots> {
  const night = rowsOfLastNight(rows);
  return plotSpecs({
    overall: overallData(summaries),
    categories: categoryData(summaries),
    modes: modeData(rows),
    loss: await curvesOf(artifacts, night),
    timeline: (await inParallel(night.slice(-mostShown), (row) => spansOf(artifacts, row))).flat(),
    phases,
  });
}

type PlannedPlots = ReturnType<typeof plotSpecs>;

/** The path of each plot, relative to artifacts/, and its alternative text. */
export const captionsOf = (plots: PlannedPlots): { readonly file: string; readonly title: string }[] =>
  [...plots].map(([name, { description }]) => ({ file: plotNames[name], title: String(description ?? '') }));

/** Draws plots into artifacts/plots/, and deletes those without data. Returns the SVG by path, relative to artifacts/. */
export async function drawPlots(artifacts: string, plots: PlannedPlots): Promise<Map<string, string>> {
  const drawn = new Map<string, string>();
  if (plots.size > 0) await mkdir(join(artifacts, dirname(plotNames.overall)), { recursive: true });
  // The folder of the workspace may be a link on purpose.
  for (const name of Object.keys(plotNames) as PlotName[])
    if (!plots.has(name)) await removeInside(await realpath(artifacts), plotNames[name]);
  for (const [name, spec] of plots) {
    // Imported only here: Vega takes longer to load than most commands take in all.
    const { renderPlot } = await import('./render-plot.ts');
    const svg = await renderPlot(spec, name);
    const path = join(artifacts, plotNames[name]);
    if ((await readText(path)) !== svg) await writeWhole(path, svg);
    drawn.set(plotNames[name], svg);
  }
  return drawn;
}

/** On one time axis of several weeks, no single night would be visible. */
function rowsOfLastNight(rows: readonly Row[]): readonly Row[] {
  const begun = rows.flatMap((row) => (row.started === null ? [] : [{ start: row.started, end: row.ended, row }]));
  return lastNight(begun).map(({ row }) => row);
}

const folderOf = (artifacts: string, { phase, run }: Row): string => join(artifacts, phase, run);

async function curvesOf(artifacts: string, rows: readonly Row[]): Promise<TrainingCurve[]> {
  const curves: TrainingCurve[] = [];
  for (const row of rows.filter(({ seconds }) => seconds.train !== undefined).slice(-mostShown)) {
    const steps = trainingSteps(await readTraining(join(folderOf(artifacts, row), stageFolder('train'))));
    if (steps.length > 0) curves.push(trainingCurve(row, steps));
  }
  return curves;
}

/** A run whose folder is gone has no journal, and no line on the plot. */
const spansOf = async (artifacts: string, row: Row) =>
  stageSpans(row.run, await readJournal(folderOf(artifacts, row)).catch(ifDamaged([])));
