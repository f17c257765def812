import { isMapping, type Mapping } from '../mapping.ts';
import type { Tensor } from './safetensors.ts';

/** One weight of a model as it is without quantization. `shape`: [out, in], or [experts, out, in], or [n] of a norm. */
export interface Weight {
  /** Module path, `model.layers.3.mlp.gate`. */
  readonly path: string;
  readonly shape: readonly number[];
  /** Bytes of an element after dequantizing. */
  readonly width: number;
}

/** What sizes are calculated from. `about`: only the size in the model's name, so there are no weights to count. */
export type ModelShape =
  | {
      readonly about: false;
      readonly weights: readonly Weight[];
      /** Config, tokenizer and the like (bytes). Null if they are not on this machine. */
      readonly others: number | null;
      readonly source: string;
    }
  | { readonly about: true; readonly parameters: number; readonly source: string };

export const elements = ({ shape }: Weight): number => shape.reduce((all, length) => all * length, 1);

const widths: Readonly<Record<string, number>> = { F64: 8, F32: 4, F16: 2, BF16: 2, U32: 4, I32: 4, U8: 1, I8: 1 };

/** Group size of a module: config.json may set it layer by layer, as mlx_lm does for the routers of a MoE. */
function groupSize(config: Mapping, path: string): number {
  const all = isMapping(config.quantization) ? config.quantization : {};
  const own = all[path];
  const size = isMapping(own) ? own.group_size : all.group_size;
  return typeof size === 'number' ? size : 64;
}

/** The weights behind a model's tensors: a packed weight with its `scales` (and `biases`) is one weight. */
export function weightsOf(tensors: readonly Tensor[], config: Mapping): Weight[] {
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  return tensors.flatMap((tensor): Weight[] => {
    const [, path = tensor.name, leaf = ''] = /^(.*)\.([^.]+)$/.exec(tensor.name) ?? [];
    const scales = byName.get(`${path}.scales`);
    const plain = { path, shape: tensor.shape, width: widths[tensor.dtype] ?? 2 };
    if (scales === undefined) return [plain];
    if (leaf !== 'weight') return leaf === 'scales' || leaf === 'biases' ? [] : [plain];
    const groups = scales.shape.at(-1) ?? 1;
    const shape = [...scales.shape.slice(0, -1), groups * groupSize(config, path)];
    return [{ path, shape, width: widths[scales.dtype] ?? 2 }];
  });
}

/** The shape of a model on this machine. `others` is the size of its files without tensors. */
export function shapeOfTensors(tensors: readonly Tensor[], config: Mapping, others: number) {
  const weights = weightsOf(tensors, config);
  return { about: false as const, weights, others, source: "the headers of the model's files" };
}

interface Qwen3 {
  readonly hidden: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  /** Width of an MLP, or of one expert. */
  readonly inner: number;
  readonly experts?: number;
  readonly tied?: boolean;
}

/** config.json of the Qwen3 models (huggingface.co/Qwen). All have head_dim 128 and a vocabulary of 151,936. */
const known: readonly (readonly [RegExp, Qwen3])[] = [
  [/Qwen3-(?:Coder-)?30B-A3B/i, { hidden: 2048, layers: 48, heads: 32, kvHeads: 4, inner: 768, experts: 128 }],
  [/Qwen3-32B/i, { hidden: 5120, layers: 64, heads: 64, kvHeads: 8, inner: 25600 }],
  [/Qwen3-14B/i, { hidden: 5120, layers: 40, heads: 40, kvHeads: 8, inner: 17408 }],
  [/Qwen3-8B/i, { hidden: 4096, layers: 36, heads: 32, kvHeads: 8, inner: 12288 }],
  [/Qwen3-4B/i, { hidden: 2560, layers: 36, heads: 32, kvHeads: 8, inner: 9728, tied: true }],
];
const headDim = 128;
const vocabulary = 151_936;

function layerWeights(model: Qwen3, layer: number): Weight[] {
  const { hidden, heads, kvHeads, inner, experts } = model;
  const at = (path: string, ...shape: number[]): Weight => ({ path: `model.layers.${layer}.${path}`, shape, width: 2 });
  const attention = [
    at('self_attn.q_proj', heads * headDim, hidden),
    at('self_attn.k_proj', kvHeads * headDim, hidden),
    at('self_attn.v_proj', kvHeads * headDim, hidden),
    at('self_attn.o_proj', hidden, heads * headDim),
    ...[at('self_attn.q_norm', headDim), at('self_attn.k_norm', headDim)],
    ...[at('input_layernorm', hidden), at('post_attention_layernorm', hidden)],
  ];
  const [prefix, size] = experts === undefined ? ['mlp', []] : ['mlp.switch_mlp', [experts]];
  const mlp = [
    at(`${prefix}.gate_proj`, ...size, inner, hidden),
    at(`${prefix}.up_proj`, ...size, inner, hidden),
    at(`${prefix}.down_proj`, ...size, hidden, inner),
  ];
  return [...attention, ...mlp, ...(experts === undefined ? [] : [at('mlp.gate', experts, hidden)])];
}

function qwen3Weights(model: Qwen3): Weight[] {
  const embedding = [vocabulary, model.hidden];
  return [
    { path: 'model.embed_tokens', shape: embedding, width: 2 },
    ...Array.from({ length: model.layers }, (_, layer) => layerWeights(model, layer)).flat(),
    { path: 'model.norm', shape: [model.hidden], width: 2 },
    ...(model.tied === true ? [] : [{ path: 'lm_head', shape: embedding, width: 2 }]),
  ];
}

/** The shape of a model that is not here, by its name: exact if known, else by the size in it, else null. */
export function shapeOfName(name: string): ModelShape | null {
  const model = known.find(([pattern]) => pattern.test(name))?.[1];
  if (model !== undefined) {
    const source = "the model's published config (it is not on this machine)";
    return { about: false, weights: qwen3Weights(model), others: null, source };
  }
  const [, size, unit] = /(?:^|[-_ /])(\d+(?:\.\d+)?)([BM])(?=$|[-_ /.])/i.exec(name) ?? [];
  if (size === undefined || unit === undefined) return null;
  const parameters = Number(size) * (unit.toUpperCase() === 'B' ? 1e9 : 1e6);
  return { about: true, parameters, source: 'the size in its name (it is not on this machine)' };
}
