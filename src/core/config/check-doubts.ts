import type { Phase } from '../../events/phase.ts';
import { withDefaults } from '../../events/stages/train.ts';
import { plural } from '../format.ts';
import { get, isMapping, type Mapping } from '../mapping.ts';
import { comparisons } from './formula.ts';
import type { RunDraft } from './lookups.ts';

/** Versions of mlx-lm whose `lora` accepts clear_cache_threshold, and does not pass it to the training. */
const unusedThreshold: readonly string[] = ['0.31.3', '0.32.2'];

export interface DoubtScope {
  /** mlx_lm's own defaults of the train section. */
  readonly defaults: Mapping;
  /** Of the installed packages. */
  readonly versions: Readonly<Record<string, string>>;
  /** config.json of the base model. Null if the model is not on this machine. */
  readonly config: Mapping | null;
  /** The rule by which a checkpoint is selected. */
  readonly by: string;
}

/** Train settings that mlx_lm accepts, and that probably do not do what was intended. One warning each. */
export function trainDoubts(train: Mapping, { defaults, versions, config, by }: DoubtScope): string[] {
  const { save_every: every, clear_cache_threshold: threshold = null } = train;
  const { iters, max_seq_length: length } = withDefaults(train, defaults);
  const most = config === null ? null : positionsOf(config);
  const { mlx_lm: version = '' } = versions;
  const doubts: string[] = [];
  if (typeof every === 'number' && typeof iters === 'number' && every > iters)
    doubts.push(
      `train.save_every (${every}) is more than iters (${iters}): only the last checkpoint is saved, so there is no other to select`,
    );
  if (typeof length === 'number' && most !== null && length > most)
    doubts.push(
      `${lengthText(length, train)} is more than the ${most} tokens that the model was made for (max_position_embeddings in its config.json)`,
    );
  if (threshold !== null && threshold !== 0 && unusedThreshold.includes(version))
    doubts.push(
      `train.clear_cache_threshold has no effect: mlx-lm ${version} accepts it and does not pass it to the training`,
    );
  return [...doubts, ...stopDoubts(withDefaults(train, defaults), by)];
}

/** An early stop that can never happen, or that uses the weights after the best ones. */
function stopDoubts(
  train: Mapping & { readonly iters: number; readonly steps_per_eval: number },
  by: string,
): string[] {
  const patience = get(get(train.stop, 'val_loss'), 'patience');
  if (typeof patience !== 'number') return [];
  const { iters, steps_per_eval: every } = train;
  // At iteration 1, every steps_per_eval, and the last. The first one only sets what the others are compared with.
  const compared = Math.ceil(iters / every);
  if (patience >= compared)
    return [
      `train.stop.val_loss never ends this training: patience is ${patience}, and the val loss is compared ${plural(compared, 'time')} (steps_per_eval ${every}, iters ${iters})`,
    ];
  if (by !== 'last') return [];
  return [
    `train.stop.val_loss ends the training ${plural(patience, 'validation')} after its best one, and select.by: last uses the weights at its end: \`select: { by: val_loss }\` uses the best checkpoint`,
  ];
}

const lengthText = (length: number, { max_seq_length: own }: Mapping): string =>
  own === undefined
    ? `train.max_seq_length is omitted, and mlx_lm's default (${length})`
    : `train.max_seq_length (${length})`;

/** The longest text that a model was made for, in tokens. Null if its config.json does not say. */
function positionsOf(config: Mapping): number | null {
  const text = isMapping(config.text_config) ? config.text_config : config;
  const most = text.max_position_embeddings ?? config.max_position_embeddings;
  return typeof most === 'number' && most > 0 ? most : null;
}

/** Seeds of a phase that trains nothing: all of its plain runs evaluate the same model. */
export function seedDoubts(drafts: readonly RunDraft[]): string[] {
  const plain = drafts.filter(({ variant }) => variant === null);
  const seeds = new Set(plain.map(({ seed }) => seed)).size;
  const [first] = plain;
  if (first === undefined || first.from === null || seeds < 2 || first.chain.includes('train')) return [];
  const [from = ''] = Object.keys(first.from);
  const use =
    first.settings.eval.temperature > 0
      ? 'They show how much sampled answers differ, and nothing about other trainings'
      : 'At temperature 0 one of them is enough';
  return [
    `seeds: all ${seeds} evaluate the same model, because a phase with from: { ${from} } trains nothing here. ${use}`,
  ];
}

/** Scores that are written as a share (0.8) although they are percentages (80). One warning each. */
export function percentDoubts({ criteria, baseline }: Pick<Phase, 'criteria' | 'baseline'>): string[] {
  const formulas = [
    { place: 'criteria.gate', formula: criteria?.gate },
    ...(criteria?.outcomes ?? []).map(({ when }, index) => ({
      place: `criteria.outcomes[${index}].when`,
      formula: when,
    })),
  ];
  const compared = formulas.flatMap(({ place, formula }) =>
    formula === undefined
      ? []
      : comparisons(formula)
          .filter(({ name, number }) => isScore(name) && isShare(number))
          .map(({ number }) => `${place} compares a score with ${meant(number)}`),
  );
  if (baseline === undefined || typeof baseline === 'string') return compared;
  const { overall, categories } = baseline;
  const figures = [
    ...(overall === undefined ? [] : [{ place: 'baseline.overall', figure: overall }]),
    ...Object.entries(categories).map(([name, figure]) => ({ place: `baseline.categories.${name}`, figure })),
  ];
  const small = figures.filter(({ figure }) => isShare(figure));
  return [...compared, ...small.map(({ place, figure }) => `${place} is ${meant(figure)}`)];
}

/** A loss may be below 1, and so may the percentage of an answer type that should be rare. */
const isScore = (name: string): boolean => !/^(metrics|modes)\./.test(name);

const isShare = (figure: number): boolean => figure > 0 && figure <= 1;

function meant(share: number): string {
  const percent = Number((share * 100).toPrecision(12));
  return `${share}, and scores are percentages from 0 to 100: did you mean ${percent}?`;
}
