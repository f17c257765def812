import type { ModelLayers } from './adapted-layers.ts';
import type { Tensor } from './safetensors.ts';

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
