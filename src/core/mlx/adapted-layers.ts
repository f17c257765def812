import { isMapping } from '../mapping.ts';
import { weightsOf } from './model-shape.ts';
import type { WholeModel } from './model-support.ts';
import type { Tensor } from './safetensors.ts';

/** The layers of a model, as `num_layers` and `lora_parameters.keys` count and name them. */
export interface ModelLayers {
  /** The number of blocks. Null if the names of its tensors do not show it. */
  readonly count: number | null;
  /** Path inside its block -> blocks that have it, and the number of dimensions of its weight. */
  readonly inner: ReadonlyMap<string, { readonly blocks: ReadonlySet<number>; readonly dimensions: number }>;
  /** Complete path of each weight with two or more dimensions -> its shape. */
  readonly paths: ReadonlyMap<string, readonly number[]>;
  /** Whether the names are those of mlx_lm's own layers. If not, mlx_lm may rename them when it loads them. */
  readonly isMlx: boolean;
}

/** Towers in addition to the language model, and heads for further tokens, which mlx_lm does not train. */
const otherParts = /(?:^|[._])(?:vision|visual|audio|image|mtp|nextn)/i;

/** Reads the layers of a model from its headers. */
export function layersOf({ tensors, config, isMlx }: WholeModel): ModelLayers {
  const inner = new Map<string, { blocks: Set<number>; dimensions: number }>();
  const paths = new Map<string, readonly number[]>();
  for (const { path, shape } of weightsOf(tensors, config)) {
    if (otherParts.test(path)) continue;
    if (shape.length > 1) paths.set(path, shape);
    const [, block, name] = /(?:^|\.)layers\.(\d+)\.(.+)$/.exec(path) ?? [];
    if (block === undefined || name === undefined) continue;
    const known = inner.get(name) ?? { blocks: new Set<number>(), dimensions: 0 };
    known.blocks.add(Number(block));
    inner.set(name, { blocks: known.blocks, dimensions: Math.max(known.dimensions, shape.length) });
  }
  const blocks = [...inner.values()].flatMap((one) => [...one.blocks]);
  const stored = blocks.length === 0 ? null : Math.max(...blocks) + 1;
  const named = isMapping(config.text_config) ? config.text_config.num_hidden_layers : config.num_hidden_layers;
  // The larger of the two: one layer too many only means that a mistake is found later.
  const count = stored === null || typeof named !== 'number' ? stored : Math.max(stored, named);
  return { count, inner, paths, isMlx };
}

/** Names that mlx_lm gives the tensors of an adapter: LoRA's two, and DoRA's magnitudes. */
const leaves = ['lora_a', 'lora_b', 'm'];

/** `base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight`, also without its prefix. */
const peftName = /^base_model\.|\.lora_(A|B|embedding_A|embedding_B|magnitude_vector)\b/;

/** Why the tensors of an adapter do not belong to a model. Null if names and sizes fit. */
export function foreignTensors(tensors: readonly Tensor[], { paths }: Pick<ModelLayers, 'paths'>): string | null {
  for (const { name, shape } of tensors) {
    const dot = name.lastIndexOf('.');
    const [path, leaf] = [name.slice(0, dot), name.slice(dot + 1)];
    if (!leaves.includes(leaf)) {
      const whose = peftName.test(name) ? '; it is one of Hugging Face PEFT, which mlx_lm cannot load' : '';
      return `${name} is not a tensor of an mlx_lm adapter (they end in lora_a and lora_b)${whose}`;
    }
    const weight = paths.get(path);
    if (weight === undefined) return `it belongs to another model: the base model has no layer ${path}`;
    // A linear layer's outer sizes are those of its weight. An embedding's come in the other order.
    const outer = leaf === 'lora_a' ? shape[0] : leaf === 'lora_b' ? shape[1] : undefined;
    if (weight.length === 2 && shape.length === 2 && outer !== undefined && !weight.includes(outer))
      return `it belongs to another model: ${name} has the size ${outer}, the layer of the base model is ${weight.join(' x ')}`;
  }
  return null;
}
