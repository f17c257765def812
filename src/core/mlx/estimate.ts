import type { Run } from '../../events/run.ts';
import type { Sizes } from '../../events/stages/stage-row.ts';
import { type CompleteTrain, checkpointCount, completeTrain, savedIterations } from '../../events/stages/train.ts';
import { type StageName, stages } from '../../events/stages.ts';
import { elements, type ModelShape, type Weight } from './model-shape.ts';

/** What decides how much a run writes. */
export type Planned = Pick<Run, 'chain' | 'settings' | 'train_defaults'>;

/** Disk space of a whole run in bytes. `about` means that only the model's name is known. */
export interface RunDisk {
  readonly about: boolean;
  /** What each stage has written at its end, and what it frees. */
  readonly stages: readonly { readonly stage: StageName; readonly writes: number; readonly frees: number }[];
  /** Largest size of the run's folder. */
  readonly peak: number;
  /** What stays after cleanup, and the part of it that is the evaluated model. */
  readonly stays: number;
  readonly final: number;
  /** Unquantized copy of the model that `fuse.mode: direct` does not write. 0 if it is written or not needed. */
  readonly avoided: number;
  /** The type of the unquantized weights. */
  readonly floats: 'float16' | 'float32';
}

const router = { bits: 8, group: 64 };
/** JSON for a tensor in a safetensors header and in the index. */
const tensorOverhead = 260;
/** Config and tokenizer of a model that cannot be read: tokenizer.json of Qwen3 is 11 MB. */
const unseenOthers = 12 * 2 ** 20;
/** transformers writes tokenizer.json with line breaks and indents, and mlx_lm adds a card and a template file. */
const rewritten = 24 * 2 ** 10;
/** Bits of an element in a quantized weight with its scale and bias: 5 bits in groups of 64 of a 16-bit model = 5.5. */
function quantizedBytes(weight: Weight, bits: number, group: number): number {
  const grid = /(?:^|\.)gate$/.test(weight.path) ? router : { bits, group };
  const inputs = weight.shape.at(-1) ?? 1;
  // mlx_lm does not quantize norms, and weights that do not divide into groups.
  if (weight.shape.length < 2 || inputs % group !== 0) return elements(weight) * weight.width;
  return elements(weight) * (grid.bits / 8 + (2 * weight.width) / grid.group);
}

const othersOf = (shape: ModelShape): number =>
  shape.about || shape.others === null ? unseenOthers : shape.others + rewritten;

/** Bytes of the model folder after fuse. `q_bits` of null means unquantized. */
export function modelBytes(shape: ModelShape, bits: number | null, group: number): number {
  if (shape.about) {
    const each = bits === null ? 16 : bits + 32 / group;
    return Math.round((shape.parameters * each) / 8) + othersOf(shape);
  }
  const weights = shape.weights.reduce(
    (sum, weight) =>
      sum + (bits === null ? elements(weight) * weight.width : quantizedBytes(weight, bits, group)) + tensorOverhead,
    0,
  );
  return Math.round(weights) + othersOf(shape);
}

const layerOf = (path: string): number | null => {
  const digits = /(?:^|\.)layers\.(\d+)\./.exec(path)?.[1];
  return digits === undefined ? null : Number(digits);
};

function loraParameters(settings: CompleteTrain): { rank: number; keys: readonly string[] | null } {
  const { lora_parameters: given } = settings;
  const of = typeof given === 'object' && given !== null ? { ...given } : {};
  const rank = 'rank' in of && typeof of.rank === 'number' ? of.rank : 8;
  const keys = 'keys' in of && Array.isArray(of.keys) ? of.keys.filter((key) => typeof key === 'string') : null;
  return { rank, keys };
}

/** Blocks of a model, and how many of them get an adapter. */
export interface LayerCounts {
  readonly count: number;
  readonly adapted: number;
}

interface AdaptedWeight {
  readonly layer: number;
  readonly shape: readonly number[];
}

/** Each linear layer and stack of experts that gets an adapter, with its block, and the number of all blocks. */
function adaptedWeights(weights: readonly Weight[], settings: CompleteTrain) {
  const { keys } = loraParameters(settings);
  const count = Math.max(0, ...weights.map((weight) => (layerOf(weight.path) ?? -1) + 1));
  const wanted = settings.num_layers;
  // 0 and -1 mean all blocks: mlx_lm slices `layers[-max(n, 0):]`.
  const first = wanted <= 0 ? 0 : count - wanted;
  const adapted = weights.flatMap(({ path, shape }): AdaptedWeight[] => {
    const layer = layerOf(path);
    if (shape.length < 2 || layer === null || layer < first) return [];
    if (keys !== null && !keys.some((key) => path.endsWith(`.layers.${layer}.${key}`))) return [];
    return [{ layer, shape }];
  });
  return { count, adapted };
}

/** Trainable parameters: rank x (inputs + outputs) of each linear layer and expert in the last `num_layers` blocks. */
export function trainableParameters(weights: readonly Weight[], settings: CompleteTrain): number {
  const { rank } = loraParameters(settings);
  return adaptedWeights(weights, settings).adapted.reduce((sum, { shape }) => {
    const [outputs = 0, inputs = 0] = shape.slice(-2);
    const experts = shape.length > 2 ? (shape[0] ?? 1) : 1;
    const magnitudes = settings.fine_tune_type === 'dora' ? outputs : 0;
    return sum + experts * (rank * (inputs + outputs) + magnitudes);
  }, 0);
}

/** What `num_layers` means for a model. Null if its blocks are not known. */
export function layerCounts(shape: ModelShape, settings: CompleteTrain): LayerCounts | null {
  if (shape.about) return null;
  const { count, adapted } = adaptedWeights(shape.weights, settings);
  return count === 0 ? null : { count, adapted: new Set(adapted.map(({ layer }) => layer)).size };
}

/** Bytes of one adapter file, which is always float32. 0 if only the model's name is known. */
export function adapterBytes(shape: ModelShape, settings: CompleteTrain): number {
  return shape.about ? 0 : trainableParameters(shape.weights, settings) * 4;
}

/** The sizes that the stages of a run calculate with. */
function sizesOf(shape: ModelShape, run: Planned): Sizes {
  const train = completeTrain(run);
  return {
    model: (bits, group) => modelBytes(shape, bits, group),
    adapter: train === null ? 0 : adapterBytes(shape, train),
    checkpoints: train === null ? 0 : checkpointCount(train),
    saved: train === null ? 0 : savedIterations(train).length,
  };
}

/** The most bytes that a stage writes into its folder, at its end: reserved before it starts. */
export const stageBytes = (shape: ModelShape, run: Planned, stage: StageName): number =>
  stages[stage].bytes(run, sizesOf(shape, run));

/** Disk space of a run, stage by stage, from the shape of its base model. */
export function runDisk(shape: ModelShape, run: Planned): RunDisk {
  const { fuse } = run.settings;
  const sizes = sizesOf(shape, run);
  const disk = run.chain.map((stage) => ({
    stage,
    writes: stages[stage].bytes(run, sizes),
    frees: stages[stage].frees(run, sizes),
  }));
  let size = 0;
  let peak = 0;
  for (const { writes, frees } of disk) {
    size += writes;
    peak = Math.max(peak, size);
    size -= frees;
  }
  const makesModel = run.chain.includes('fuse') || run.chain.includes('quantize');
  const direct = run.chain.includes('fuse') && fuse.mode === 'direct' && fuse.q_bits !== null;
  return {
    about: shape.about,
    stages: disk,
    peak,
    stays: size,
    final: makesModel ? modelBytes(shape, fuse.q_bits, fuse.q_group_size) : 0,
    floats: !shape.about && shape.weights[0]?.width === 4 ? 'float32' : 'float16',
    avoided: direct ? modelBytes(shape, null, fuse.q_group_size) : 0,
  };
}
