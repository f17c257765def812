import * as z from 'zod';
import { closest } from '../closest.ts';
import { isMapping, type Mapping } from '../mapping.ts';
import { updateMlxLm } from './known-pairs.ts';
import type { ModelFault } from './model-fault.ts';
import type { Tensor } from './safetensors.ts';

/** A model with all files complete, as its headers describe it. */
export interface WholeModel {
  readonly tensors: readonly Tensor[];
  /** True if mlx wrote it, so that the tensors have the names of mlx_lm's own layers. */
  readonly isMlx: boolean;
  /** Of all its files. */
  readonly bytes: number;
  readonly config: Mapping;
}

/** A model folder as its headers describe it. `problem` has the file and what is wrong with it. */
export type ModelFolder = ({ readonly whole: true } & WholeModel) | ({ readonly whole: false } & ModelFault);

/** What the installed mlx_lm can load: its modules, and the model types that it reads as another module. */
export const modelTypes = z.looseObject({
  modules: z.array(z.string()),
  remapping: z.record(z.string(), z.string()),
  /** [model type, architecture, module] */
  architectures: z.array(z.tuple([z.string(), z.string(), z.string()])),
  /** True if it runs a model's own Python file only with `trust_remote_code`. */
  asks: z.boolean(),
});
export type ModelTypes = z.infer<typeof modelTypes>;

const unsupported = (problem: string, todo?: string): ModelFault =>
  todo === undefined ? { kind: 'unsupported', problem } : { kind: 'unsupported', problem, todo };

/** Why mlx_lm would not load a complete model, or null. Without `loadable` the model's type is not compared. */
export function supportFault(
  { config, tensors }: Pick<WholeModel, 'config' | 'tensors'>,
  { loadable, version, trusts }: { loadable: ModelTypes | null; version: string; trusts: boolean },
): ModelFault | null {
  const fault = quantizationFault(config, tensors);
  if (fault !== null) return fault;
  const { model_file: own } = config;
  if (typeof own === 'string') {
    if (loadable?.asks !== true || trusts) return null;
    return unsupported(
      `config.json asks for the model's own code (${own}), which mlx_lm runs only when it is trusted`,
      'read that file; to trust it, write trust_remote_code: true under train',
    );
  }
  return loadable === null ? null : typeFault(config, loadable, version);
}

/** The same lookup as mlx_lm's own (`_get_classes`): architecture first, then the remapping table, then the name. */
function typeFault(config: Mapping, loadable: ModelTypes, version: string): ModelFault | null {
  const { model_type: type } = config;
  if (typeof type !== 'string') return unsupported('config.json has no model_type, so mlx_lm cannot identify it');
  const named = config.architectures;
  const architectures = Array.isArray(named) ? named : [named];
  const row = loadable.architectures.find(([of, architecture]) => of === type && architectures.includes(architecture));
  const remapped = Object.hasOwn(loadable.remapping, type) ? loadable.remapping[type] : undefined;
  const module = row?.[2] ?? remapped ?? type;
  if (loadable.modules.includes(module)) return null;
  const near = closest(type, loadable.modules);
  const meant = near === undefined ? '' : ` (its nearest: ${near})`;
  return unsupported(
    `the installed mlx-lm ${version} cannot load the model type ${type}${meant}`,
    `a newer mlx-lm may: \`${updateMlxLm}\`; else use another model`,
  );
}

/** Quantized weights that mlx_lm reads as something else, or not at all, in every version. */
function quantizationFault(config: Mapping, tensors: readonly Tensor[]): ModelFault | null {
  const names = tensors.map(({ name }) => name);
  if (isMapping(config.quantization)) return null;
  const inner = isMapping(config.text_config) ? config.text_config.quantization_config : undefined;
  const section = config.quantization_config ?? inner;
  const { quant_method: method, bits } = isMapping(section) ? section : {};
  const convert = 'use the version of the model in the MLX format, or convert the original one';
  // bitsandbytes: statistics for each weight, which no model of mlx_lm has
  const statistics = names.find((name) => /\.(?:absmax|quant_map|SCB|nested_absmax)$|\.quant_state\./.test(name));
  if (statistics !== undefined)
    return unsupported(`its weights are quantized by bitsandbytes (${statistics}), which mlx_lm cannot read`, convert);
  if (method === 'gptq' || method === 'awq') {
    const group = names.find((name) => name.endsWith('.g_idx'));
    if (group !== undefined)
      return unsupported(`its weights are quantized by ${method} with ${group}, which mlx_lm cannot read`, convert);
    if (typeof bits === 'number' && bits !== 4)
      return unsupported(`its weights are quantized by ${method} to ${bits} bits; mlx_lm only reads 4`, convert);
  }
  const packed = packedWeight(tensors);
  if (section === undefined && packed !== null)
    return {
      kind: 'damaged',
      problem: `config.json: has no section quantization, but the weights are quantized (${packed})`,
    };
  return null;
}

/** A weight that mlx itself quantized: whole numbers with scales and biases. */
function packedWeight(tensors: readonly Tensor[]): string | null {
  const names = new Set(tensors.map(({ name }) => name));
  const packed = tensors.find(({ name, dtype }) => {
    const path = name.replace(/\.weight$/, '');
    return path !== name && dtype === 'U32' && names.has(`${path}.scales`) && names.has(`${path}.biases`);
  });
  return packed?.name ?? null;
}
