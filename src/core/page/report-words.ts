import { type ContrastFinding, margin, type SharedRuns } from '../compare/finding.ts';
import type { Spread } from '../compare/spread.ts';
import type { Summary } from '../compare/summary.ts';
import { percent, share } from '../format.ts';
import type { Interval } from '../stats/interval.ts';
import { allSame } from '../stats/moments.ts';
import { plural } from '../words.ts';

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

/** `47.8 ± 31.1`; of one run `82.4`. */
export const meanText = ({ mean, sd }: Summary): string =>
  sd === null ? percent(mean) : `${percent(mean)} ± ${percent(sd)}`;

export const oneRun = 'one run: run-to-run variance unknown';

/** Why there is no statement about another seed. It is null if there are at least two different models. */
export function alone({ runs, draws }: Summary): string | null {
  if (draws.length !== 1) return null;
  return runs.length === 1 ? oneRun : `${runs.length} runs of the very same model: run-to-run variance unknown`;
}

/** Half of the whole scale: runs with a wider interval say nothing. */
const tooWide = 50;

/** The confidence interval of the mean, in words. */
export function rangeText(summary: Summary): string {
  const { thisSuite, thisModel, draws } = summary;
  if (draws.length === 0) return '';
  const one = alone(summary) ?? oneRun;
  if (thisSuite === null) return thisModel === null ? one : `${one}; this model ${span(thisModel)}`;
  const width = thisSuite.high - thisSuite.low;
  const runs = plural(draws.length, 'run');
  // Different answers can add up to the same score. The formula then gives an interval of width 0, which nothing
  // supports.
  if (allSame([thisSuite.low, thisSuite.high])) return `not known: ${runs} of the same score have no spread`;
  return width > tooWide ? `${span(thisSuite)}: ${runs} this far apart say nothing` : span(thisSuite);
}

/** Names of two groups, as plain text or as Markdown: as the caller writes them. */
export interface Names {
  readonly a: string;
  readonly b: string;
}

/** A difference in half a sentence. */
export function findingWords(finding: ContrastFinding, { a, b }: Names): string {
  switch (finding.kind) {
    case 'nothing':
      return `${a} against ${b}: ${finding.why}`;
    case 'pairs':
    case 'recipes': {
      const size = `${Math.abs(finding.difference).toFixed(1)} points`;
      if (finding.p < 0.05) return `${a} is ${finding.difference > 0 ? 'better' : 'worse'} than ${b} by ${size}`;
      return finding.kind === 'recipes' && finding.equivalent === 'yes'
        ? `${a} and ${b} are the same within ${margin} points`
        : `${a} against ${b}: cannot say yet`;
    }
    case 'flat': {
      const size = Math.abs(finding.difference).toFixed(1);
      const how = `${size} points ${finding.difference > 0 ? 'more' : 'less'} than`;
      const score = Number(size) === 0 ? 'the same as' : how;
      const where = finding.shared === null ? 'every run' : `each of ${finding.shared.pairs} pairs of runs`;
      return `${a} scored ${score} ${b} in ${where}: cannot say for another run, since there is no spread to test against`;
    }
    case 'draw': {
      const [single, several] = finding.single === 'a' ? [a, b] : [b, a];
      return finding.p < 0.05
        ? `the one run of ${single} is not a usual run of ${several}`
        : `${a} against ${b}: cannot say, the one run of ${single} may be one more of ${several}`;
    }
    case 'models':
      return finding.p !== null && finding.p < 0.05
        ? `${a} and ${b}: these two models differ, which says little about their recipes`
        : `${a} against ${b}: cannot say, one ${finding.again ? 'model' : 'run'} each`;
  }
}

const mostRuns = 20;

/** Runs per side that are needed to detect a difference. */
function neededText({ low, high }: Interval): string {
  const [few, many] = [Math.ceil(low), Math.ceil(high)];
  if (few > mostRuns) return `more than ${mostRuns} runs per side would be needed: not worth it, change the recipe`;
  const range = few === many ? `${few}` : many > mostRuns ? `at least ${few}` : `${few} to ${many}`;
  return `${range} runs per side are needed to detect a difference this small`;
}

function recipesText(finding: Extract<ContrastFinding, { kind: 'recipes' }>): string {
  const found = `These runs would find a difference of ${Math.ceil(finding.detectable)} points in 4 of 5 cases`;
  return [
    `95 % interval: ${signedSpan(finding)} (Welch over runs, ${pValue(finding.p)}).`,
    `The same within ±${margin}? ${finding.equivalent}.`,
    `${found}${finding.p < 0.05 ? '' : `; ${neededText(finding.needed)}`}.`,
  ].join(' ');
}

function pairsText(finding: Extract<ContrastFinding, { kind: 'pairs' }>): string {
  const how = `t over ${finding.shared.pairs} pairs of runs that share a training, ${pValue(finding.p)}`;
  return `95 % interval: ${signedSpan(finding)} (${how}).${leftOut(finding.shared)}`;
}

const leftOut = ({ unpaired }: SharedRuns): string =>
  unpaired === 0 ? '' : ` Left out: ${plural(unpaired, 'run')} in no pair.`;

function flatText({ shared }: Extract<ContrastFinding, { kind: 'flat' }>): string {
  if (shared === null) return 'No run differs from another of its side, so nothing is tested.';
  return `No pair differs from another, so nothing is tested.${leftOut(shared)}`;
}

function modelsText(finding: Extract<ContrastFinding, { kind: 'models' }>): string {
  const each = finding.again ? 'One model each, judged more than once' : 'One run each';
  if (finding.p === null) return `${each}, and the single answers are not available, so nothing is tested.`;
  const how = `sign-flip over prompts, ${pValue(finding.p)}${finding.simulated ? ', simulated' : ''}`;
  const claim = finding.p < 0.05 ? 'These two models differ' : 'These two models may score the same';
  const wrong =
    finding.falseAlarm === null
      ? 'how far runs of one recipe differ is not known here'
      : `the claim that the recipes differ would be a false alarm in ${share(finding.falseAlarm)} of cases`;
  return `${each}. ${claim} (${how}); this says nothing about another seed: ${wrong}.`;
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
      return `${single} has one run. Could it be one more run of ${several}? ${finding.p < 0.05 ? 'Hardly' : 'Quite possible'} (${pValue(finding.p)}).`;
    }
    case 'models':
      return modelsText(finding);
  }
}

/**
 * How far runs of one recipe differ, and from which groups that is known. `names` are those of the groups, as the
 * caller writes them.
 */
export function spreadText({ sd, range }: Spread, names: readonly string[]): string {
  const within = `${range.low.toFixed(1)} to ${range.high.toFixed(1)}`;
  return `Runs of one recipe differ by sd ${sd.toFixed(1)} (true value ${within}; from ${names.join(', ')}).`;
}
