import type { GateSummary, Summary } from '../compare/summary.ts';
import { plural } from '../words.ts';
import { span } from './report-words.ts';

/** The verdict as a cell: `fail, undecided: 1 of 3 pass (95 % interval 1-91 %)`. */
export function gateText(gate: GateSummary): string {
  if (gate.verdict === null) return 'no verdict';
  if (gate.settled === null && gate.because !== null) return `${gate.verdict}, undecided`;
  if (gate.settled === null) return `${gate.verdict}, one ${gate.runs > 1 ? 'model' : 'run'}`;
  const range = gate.share === null ? '' : ` (95 % interval ${span(gate.share)} %)`;
  return `${gate.verdict}, ${gate.settled ? '' : 'undecided: '}${gate.passing} of ${gate.of} pass${range}`;
}

interface Gated {
  readonly group: Summary['group'];
  readonly gate: GateSummary;
}

/** Verdict and score: `**43a passes its gate** (all 3 seeds pass) with an overall score of 82.4 (mean of 3 runs).` */
export function gateSentence({ gate, group }: Pick<Summary, 'gate' | 'group'>, name: string, score: string): string {
  if (gate === null) return `**${name}** has an overall score of ${score}.`;
  if (gate.verdict === null) return `**${name} has no verdict.** Its overall score is ${score}.`;
  const verb = `${gate.verdict === 'pass' ? 'passes' : 'fails'} its gate`;
  const all = gate.settled === null ? '' : ` (${allOf({ gate, group })} ${gate.verdict})`;
  if (gate.because === null && gate.settled !== false)
    return `**${name} ${verb}**${all} with an overall score of ${score}.`;
  const doubted = gate.because === null ? ` on average, but ${doubt({ gate, group })}, so` : `${all}, but`;
  const reason = gate.because === null ? '' : ` because ${gate.because}`;
  return `**${name} ${verb}${doubted} the verdict is undecided**${reason}. Its overall score is ${score}.`;
}

/**
 * The unit that is counted. A seed that is given twice can make two models, and the runs of an evaluated folder have no
 * seed.
 */
function unit({ gate, group }: Gated): 'seed' | 'run' | 'model' {
  if (gate.of !== gate.runs) return 'model';
  const seeds = group.done.flatMap(({ verdict, seed }) => (verdict === null || seed === null ? [] : [seed]));
  return new Set(seeds).size === gate.runs ? 'seed' : 'run';
}

const allOf = (gated: Gated): string => `${gated.gate.of === 2 ? 'both' : `all ${gated.gate.of}`} ${unit(gated)}s`;

/** Why the runs contradict the verdict on their mean. */
function doubt(gated: Gated): string {
  const { gate, group } = gated;
  const unjudged = group.done.length - gate.runs;
  if (!group.done.some(({ verdict }) => verdict !== null && verdict !== gate.verdict))
    return `${unjudged} of ${plural(group.done.length, 'run')} ${unjudged === 1 ? 'has' : 'have'} no verdict`;
  // a model counts as passing when it passes in all its runs
  if (gate.passing === 0)
    return gate.verdict === 'pass' && gate.of === gate.runs ? `no ${unit(gated)} passes` : 'not in every run';
  if (gate.passing === gate.of) return `${allOf(gated)} pass`;
  const only = gate.verdict === 'pass' ? 'only ' : '';
  return `${only}${gate.passing} of ${plural(gate.of, unit(gated))} ${gate.passing === 1 ? 'passes' : 'pass'}`;
}
