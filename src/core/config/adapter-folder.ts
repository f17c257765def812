import { basename, dirname, join } from 'node:path';
import { jsonOrNull } from '../json.ts';
import { getAt } from '../mapping.ts';
import type { Lookups } from './lookups.ts';
import type { Finding } from './problem.ts';

/** What is in the place of an mlx_lm adapter, and what to do about it. */
type OtherContent = Required<Pick<Finding, 'message' | 'hint'>>;

/** Checks the folder (absolute) of `from.adapter`. Null if it may contain an adapter of mlx_lm. */
export async function notAnAdapter(folder: string, lookups: Lookups): Promise<OtherContent | null> {
  const entry = await lookups.look(folder);
  if (entry?.kind === 'file') return fileForFolder(folder);
  if (entry?.kind !== 'folder')
    return { message: `the folder ${folder} does not exist`, hint: 'relative paths are resolved from the workspace' };
  const files = await lookups.list(folder);
  const config = files.includes(configFile) ? await lookups.read(join(folder, configFile)) : null;
  // The decoder drops a byte order mark, which must not hide the kind of the adapter.
  const other = otherContent(folder, files, config?.ok ? jsonOrNull(new TextDecoder().decode(config.bytes)) : null);
  if (other !== null || files.includes(configFile)) return other;
  if (files.includes('adapters.safetensors'))
    return {
      message: `${folder} has no ${configFile}`,
      hint: '`mlx_lm lora` wrote it next to the weights: copy it from there',
    };
  const inner = await innerAdapter(folder, files, lookups);
  return inner === null ? null : { message: `${folder} has no ${configFile}`, hint: `did you mean ${inner}?` };
}

const configFile = 'adapter_config.json';

/** The adapter in a run's folder, or in a folder that was unpacked into itself. */
async function innerAdapter(folder: string, files: readonly string[], lookups: Lookups): Promise<string | null> {
  for (const name of files.slice(0, 100))
    if ((await lookups.look(join(folder, name, configFile)))?.kind === 'file') return join(folder, name);
  return null;
}

const ownHint = 'from.adapter takes the folder that `mlx_lm lora` wrote: adapters.safetensors and adapter_config.json';

const peftHint =
  'train it again with mlx_lm (a phase with `train`); or merge it into its base model with PEFT (merge_and_unload, then save_pretrained) and write from: { model: DIR }';

/** Each command is for a shell in that folder, with the Python that has mlx_lm. */
const npzHint = `convert it: python -c "import mlx.core as mx; mx.save_safetensors('adapters.safetensors', mx.load('adapters.npz'))", with adapter_config.json next to it`;

/** Recognizes what is not an adapter of mlx_lm. `config` is null if adapter_config.json is missing or no JSON. */
export function otherContent(folder: string, files: readonly string[], config: unknown): OtherContent | null {
  const type = getAt(config, ['peft_type']);
  if (type !== undefined) return peft(folder, `peft_type ${String(type)} in adapter_config.json`);
  if (files.some((file) => file.endsWith('adapters.safetensors'))) return null;
  const weights = files.find((file) => /^adapter_model(-\d+-of-\d+)?\.(safetensors|bin)$/.test(file));
  if (weights !== undefined) return peft(folder, weights);
  const gguf = files.find((file) => /\.gguf$/i.test(file));
  if (gguf !== undefined)
    return { message: `${folder} has ${gguf}, a file of llama.cpp, which mlx_lm cannot load`, hint: ownHint };
  if (files.includes('adapters.npz'))
    return {
      message: `${folder} has adapters.npz, the format of early versions of mlx_lm; it reads adapters.safetensors now`,
      hint: npzHint,
    };
  if (files.includes('config.json') && files.some((file) => /\.(safetensors|bin)$/.test(file)))
    return { message: `${folder} is a whole model, not an adapter`, hint: 'write from: { model: DIR }' };
  return files.length === 0 ? { message: `${folder} is empty`, hint: ownHint } : null;
}

const peft = (folder: string, evidence: string): OtherContent => ({
  message: `${folder} is an adapter of Hugging Face PEFT (${evidence}), which mlx_lm cannot load`,
  hint: peftHint,
});

/** What is wrong with a file in the place of an adapter's folder. */
function fileForFolder(path: string): OtherContent {
  const name = basename(path);
  const checkpoint = /^(\d+)_adapters\.safetensors$/.exec(name)?.[1];
  if (checkpoint === undefined && name !== 'adapters.safetensors') {
    const other = otherContent(dirname(path), [name], null);
    if (other !== null) return other;
  }
  const more = checkpoint === undefined ? '' : `, checkpoint: ${Number(checkpoint)}`;
  return { message: `${path} is a file; allowed: a folder`, hint: `write from: { adapter: ${dirname(path)}${more} }` };
}
