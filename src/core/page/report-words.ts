import { type CategoryContrast, fewestForCategories } from '../compare/contrast.ts';
import { type ContrastFinding, margin, type SharedRuns } from '../compare/finding.ts';
import type { GateSummary, Spread, Summary } from '../compare/summary.ts';
import { percent, plural, share } from '../format.ts';
import type { Interval } from '../stats/interval.ts';
import { allSame } from '../stats/moments.ts';

/** `66-94`, in whole points: decimals would claim a precision that a range does not have. */
export const span = ({ low, high }: Interval): string => `${Math.round(low)}-${Math.round(high)}`;

/** A range with a sign: `-49 to +100`. */
export const signedSpan = ({ low, high }: Interval): string => `${signed(low, 0)} to ${signed(high, 0)}`;

/** `+26.8`, `-3.0`. */
export function signed(value: number, digits = 1): string {
  const text = value.toFixed(digits);
  if (Number(text) === 0) return text.replace('-', '');
  return value > 0 ? `+${text}` : text;
}

/** `p = .27`, `p < .001`. */
export function pValue(p: number): string {
  if (p < 0.001) return 'p < .001';
  const text = p.toFixed(p < 0.1 ? 3 : 2);
  return `p = ${text.replace(/^0/, '')}`;
}

/** The p value of a category, or why it was not tested. */
export const categoryP = ({ p, runs }: Pick<CategoryContrast, 'p' | 'runs'>): string =>
  p !== null ? pValue(p) : `not tested: ${runs < fewestForCategories ? 'too few runs' : 'no spread'}`;

/** `47.8 ± 31.1`; of one run `82.4`. */
export const meanText = ({ mean, sd }: Summary): string =>
  sd === null ? percent(mean) : `${percent(mean)} ± ${percent(sd)}`;

/** Why nothing is said about another seed. It is null if there are at least two different models. */
export function unknownVariance({ runs, draws }: Summary): string | null {
  if (draws.length !== 1) return null;
  return runs.length === 1
    ? 'With only one done run, the variance between runs cannot be estimated.'
    : `Its ${runs.length} runs evaluated the same model, so the variance between runs cannot be estimated.`;
}

/** Half of the whole scale: runs with a wider interval say nothing. */
const tooWide = 50;

/** The confidence interval of the mean, in words. */
export function rangeText(summary: Summary): string {
  const { thisSuite, runs: all, draws } = summary;
  if (draws.length === 0) return '';
  if (thisSuite === null) return `not known: ${all.length === 1 ? 'only one run' : `${all.length} runs of one model`}`;
  const width = thisSuite.high - thisSuite.low;
  const runs = plural(draws.length, 'run');
  const sampled = plural(draws.length, draws.length < all.length ? 'model' : 'run');
  // Different answers can add up to the same score: nothing supports the interval of width 0 that the formula then gives.
  if (allSame([thisSuite.low, thisSuite.high])) return `not known: all ${runs} have the same score`;
  return width > tooWide ? `${span(thisSuite)} (too wide to use: only ${sampled}, and they differ)` : span(thisSuite);
}

/** Names of two groups, as plain text or as Markdown: as the caller writes them. */
export interface Names {
  readonly a: string;
  readonly b: string;
}

/** A difference as a sentence, without its period. */
export function findingWords(finding: ContrastFinding, { a, b }: Names): string {
  const inconclusive = `${a} vs. ${b}: inconclusive`;
  switch (finding.kind) {
    case 'nothing':
      return `${inconclusive}, because ${finding.why}`;
    case 'pairs':
    case 'recipes': {
      const size = `${Math.abs(finding.difference).toFixed(1)} points`;
      if (finding.p < 0.05) return `${a} is ${finding.difference > 0 ? 'better' : 'worse'} than ${b} by ${size}`;
      return finding.kind === 'recipes' && finding.equivalent === 'yes'
        ? `${a} and ${b} are the same within ${margin} points`
        : `${inconclusive}, because the difference is not significant`;
    }
    case 'flat': {
      const size = Math.abs(finding.difference).toFixed(1);
      const how = `${size} points ${finding.difference > 0 ? 'more' : 'less'} than`;
      const score = Number(size) === 0 ? 'the same as' : how;
      const where = finding.shared === null ? 'every run' : `each of ${finding.shared.pairs} pairs of runs`;
      return `${a} scored ${score} ${b} in ${where}, but the variance between runs is unknown, so nothing can be tested`;
    }
    case 'draw': {
      const [single, several] = finding.single === 'a' ? [a, b] : [b, a];
      return finding.p < 0.05
        ? `The only run of ${single} is not a typical run of ${several}`
        : `${inconclusive}, because ${single} has only one run, and its score is within the range expected of another run of ${several}`;
    }
    case 'models':
      return finding.p !== null && finding.p < 0.05
        ? `${a} vs. ${b}: these two models differ significantly, but other seeds may not`
        : `${inconclusive}, because each has only one ${finding.again ? 'model' : 'run'}`;
  }
}

const mostRuns = 20;

function neededText({ low, high }: Interval): string {
  const [few, many] = [Math.ceil(low), Math.ceil(high)];
  const small = 'runs per side are needed to detect a difference this small';
  if (few > mostRuns) return `More than ${mostRuns} ${small}, so consider changing the config instead.`;
  const range = few === many ? `${few}` : many > mostRuns ? `At least ${few}` : `${few} to ${many}`;
  return `${range} ${small}.`;
}

const equivalenceText = (answer: 'yes' | 'no' | 'cannot tell'): string =>
  ({
    yes: `Both are the same within ±${margin} points.`,
    no: `They are not the same within ±${margin} points.`,
    'cannot tell': `These runs do not show whether both are the same within ±${margin} points.`,
  })[answer];

function recipesText(finding: Extract<ContrastFinding, { kind: 'recipes' }>): string {
  return [
    `95 % interval: ${signedSpan(finding)} (Welch test over runs, ${pValue(finding.p)}).`,
    equivalenceText(finding.equivalent),
    `With this number of runs, a difference of ${Math.ceil(finding.detectable)} points is detected in 4 of 5 cases.`,
    ...(finding.p < 0.05 ? [] : [neededText(finding.needed)]),
  ].join(' ');
}

function pairsText(finding: Extract<ContrastFinding, { kind: 'pairs' }>): string {
  const how = `t test over ${finding.shared.pairs} pairs of runs that share their training, ${pValue(finding.p)}`;
  return `95 % interval: ${signedSpan(finding)} (${how}).${leftOut(finding.shared)}`;
}

const leftOut = ({ unpaired }: SharedRuns): string =>
  unpaired === 0 ? '' : ` ${plural(unpaired, 'run')} without a pair ${unpaired === 1 ? 'is' : 'are'} left out.`;

function flatText({ shared }: Extract<ContrastFinding, { kind: 'flat' }>): string {
  if (shared === null) return 'All runs of each side have the same score, so nothing is tested.';
  return `All pairs have the same difference, so nothing is tested.${leftOut(shared)}`;
}

function modelsText(finding: Extract<ContrastFinding, { kind: 'models' }>): string {
  const each = finding.again ? 'Each has only one model, evaluated more than once' : 'Each has only one done run';
  if (finding.p === null) return `${each}, and the single answers are not available, so nothing is tested.`;
  const how = `sign-flip test over prompts, ${pValue(finding.p)}${finding.simulated ? ', simulated' : ''}`;
  const claim = `The difference between these two models is ${finding.p < 0.05 ? '' : 'not '}significant (${how}).`;
  const seeds =
    finding.falseAlarm === null
      ? 'Nothing can be said about other seeds, because the variance between runs is unknown.'
      : `This says nothing about other seeds: a claim that the recipes differ would be wrong in ${share(finding.falseAlarm)} of cases.`;
  return `${each}. ${claim} ${seeds}`;
}

/** A difference in whole sentences. */
export function findingText(finding: ContrastFinding, names: Names): string {
  switch (finding.kind) {
    case 'nothing':
      return '';
    case 'flat':
      return flatText(finding);
    case 'recipes':
      return recipesText(finding);
    case 'pairs':
      return pairsText(finding);
    case 'draw': {
      const [single, several] = finding.single === 'a' ? [names.a, names.b] : [names.b, names.a];
      const differs = finding.p < 0.05 ? 'differs significantly' : 'does not differ significantly';
      return `${single} has only one run. It ${differs} from the runs of ${several} (${pValue(finding.p)}).`;
    }
    case 'models':
      return modelsText(finding);
  }
}

/** How far runs of one recipe differ. `names` are those of the groups it comes from, as the caller writes them. */
export function spreadText({ sd, range }: Spread, names: readonly string[]): string {
  const within = `95 % interval ${range.low.toFixed(1)} to ${range.high.toFixed(1)}`;
  return `The standard deviation between runs is ${sd.toFixed(1)} points (${within}, estimated from ${names.join(', ')}).`;
}

/** The verdict as a cell: `undecided: the mean fails, 1 of 3 runs pass (95 % interval of this share: 1-91 %)`. */
export function gateText(gate: GateSummary): string {
  if (gate.verdict === null) return 'no verdict';
  const mean = `undecided: the mean ${gate.verdict === 'pass' ? 'passes' : 'fails'}`;
  if (gate.settled === null && gate.because !== null) return mean;
  if (gate.settled === null) return `${gate.verdict}, one ${gate.runs > 1 ? 'model' : 'run'}`;
  const range = gate.share === null ? '' : ` (95 % interval of this share: ${span(gate.share)} %)`;
  const share = `${gate.passing} of ${plural(gate.of, gate.of < gate.runs ? 'model' : 'run')} pass${range}`;
  return gate.settled ? `${gate.verdict}: ${share}` : `${mean}, ${share}`;
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

/** What is counted. A seed given twice can make two models, and runs of an evaluated folder have no seed. */
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
