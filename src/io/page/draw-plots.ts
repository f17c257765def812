import { mkdir, realpath, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Summary } from '../../core/compare/summary.ts';
import { lastNight } from '../../core/page/plot-course.ts';
import { categoryData, modeData, overallData, stageSpans, trainingCurve } from '../../core/page/plot-data.ts';
import { type PlotName, plotNames, plotSpecs, plotTitles, type TrainingCurve } from '../../core/page/plots.ts';
import type { Row } from '../../events/row.ts';
import { stageFolder } from '../../events/stages.ts';
import { ifAbsent, readText, writeWhole } from '../disk/files.ts';
import { removeInside } from '../disk/inside.ts';
import { ifDamaged } from '../disk/own-file.ts';
import { readJournal } from '../workspace/run-folder.ts';

/** A plot that was drawn: `file` from artifacts/, `title` for those who do not see it. */
export interface Drawn {
  readonly name: PlotName;
  readonly file: string;
  readonly title: string;
  readonly svg: string;
}

/** Draws what there is to show into artifacts/plots/; a plot that nothing is left for goes. Same rows, same bytes. */
export async function drawPlots(
  artifacts: string,
  { rows, summaries }: { readonly rows: readonly Row[]; readonly summaries: readonly Summary[] },
): Promise<readonly Drawn[]> {
  const night = rowsOfLastNight(rows);
  const specs = plotSpecs({
    overall: overallData(summaries),
    categories: categoryData(summaries),
    modes: modeData(rows),
    loss: await curvesOf(artifacts, night),
    timeline: (await Promise.all(night.map((row) => spansOf(artifacts, row)))).flat(),
  });
  const drawn: Drawn[] = [];
  if (specs.size > 0) await mkdir(join(artifacts, dirname(plotNames.overall)), { recursive: true });
  // Only now: Vega takes longer to load than most commands take in all.
  const { renderPlot } = specs.size > 0 ? await import('./render-plot.ts') : { renderPlot: async () => '' };
  for (const name of Object.keys(plotNames) as PlotName[]) {
    const [file, spec] = [plotNames[name], specs.get(name)];
    if (spec === undefined) {
      // Where the folder of the workspace is a link, it is meant to be one.
      await removeInside(await realpath(artifacts), file);
      continue;
    }
    const svg = await renderPlot(spec, name);
    if ((await readText(join(artifacts, file))) !== svg) await writeWhole(join(artifacts, file), svg);
    drawn.push({ name, file, title: plotTitles[name], svg });
  }
  return drawn;
}

/** The plots of an earlier drawing. */
export async function plotsThere(artifacts: string): Promise<readonly Omit<Drawn, 'svg'>[]> {
  const names = Object.keys(plotNames) as PlotName[];
  const there = await Promise.all(names.map((name) => stat(join(artifacts, plotNames[name])).catch(ifAbsent(null))));
  return names.flatMap((name, index) =>
    there[index] === null ? [] : [{ name, file: plotNames[name], title: plotTitles[name] }],
  );
}

/** Weeks of nights on one axis of time would show none of them. */
function rowsOfLastNight(rows: readonly Row[]): readonly Row[] {
  const begun = rows.flatMap((row) => (row.started === null ? [] : [{ start: row.started, end: row.ended, row }]));
  return lastNight(begun).map(({ row }) => row);
}

const folderOf = (artifacts: string, { phase, run }: Row): string => join(artifacts, phase, run);

/** The latest of the night: Vega takes 40 ms for each on the thread that must not stand still, and nobody reads more. */
const mostCurves = 24;

async function curvesOf(artifacts: string, rows: readonly Row[]): Promise<TrainingCurve[]> {
  const curves: TrainingCurve[] = [];
  for (const row of rows.filter(({ seconds }) => seconds.train !== undefined).slice(-mostCurves)) {
    const log = await readText(join(folderOf(artifacts, row), stageFolder('train'), 'log.txt')).catch(ifDamaged(null));
    if (log !== null) curves.push(trainingCurve(row, log));
  }
  return curves;
}

/** A run whose folder is gone has no journal, and no line on the plot. */
const spansOf = async (artifacts: string, row: Row) =>
  stageSpans(row.run, await readJournal(folderOf(artifacts, row)).catch(ifDamaged([])));
