import { shellWord } from '../shell.ts';
import { updateMlxLm } from './known-pairs.ts';

/**
 * Why a folder is not a model that mlx_lm can load. `missing`: a file is missing, so fetching the model repairs it.
 * `pointer`: a Git LFS pointer is in place of a file. `damaged`: a file is not what its name says. `form`: weights of
 * another kind, or not a model. `unsupported`: complete, but not for the installed mlx_lm.
 */
export type FaultKind = 'missing' | 'pointer' | 'damaged' | 'form' | 'unsupported';

export interface ModelFault {
  readonly kind: FaultKind;
  /** File and problem: `model.safetensors: is a Git LFS pointer, not the file itself`. */
  readonly problem: string;
  /** What to do, if the kind alone does not say it. */
  readonly todo?: string;
}

/** Where a model is: in the Hub cache under its id, or in a folder of its own. */
export interface ModelPlace {
  readonly folder: string;
  /** Null if it is not a model of the Hub. */
  readonly hub: { readonly id: string; readonly revision: string | null } | null;
}

/** What to do about a fault, with the command. */
export function remedy({ kind, todo }: ModelFault, { folder, hub }: ModelPlace): string {
  if (todo !== undefined) return todo;
  const fetch = hub === null ? null : fetchCommand(hub.id, hub.revision);
  switch (kind) {
    case 'missing':
      return fetch === null ? 'copy the missing file there, or fetch the model again' : `fetch it: \`${fetch}\``;
    case 'pointer':
    case 'damaged':
      if (fetch !== null) return `delete ${cacheEntry(folder)}, then fetch the model again: \`${fetch}\``;
      return kind === 'pointer'
        ? `fetch the files themselves: \`git -C ${shellWord(folder)} lfs pull\``
        : 'copy the file again, or fetch the model again';
    case 'form':
      return 'use a model in the MLX format, or convert this one: `python -m mlx_lm convert --hf-path MODEL --mlx-path FOLDER`';
    case 'unsupported':
      return `use another model, or update mlx-lm: \`${updateMlxLm}\``;
  }
}

/** `hf download org/name --revision v1` */
export const fetchCommand = (id: string, revision: string | null): string =>
  `hf download ${id}${revision === null ? '' : ` --revision ${revision}`}`;

/** `.../models--org--name` of `.../models--org--name/snapshots/COMMIT`: what to delete before a new download. */
const cacheEntry = (snapshot: string): string => snapshot.replace(/\/snapshots\/[^/]+\/?$/, '');

/** Bytes at a file's start that show what it is. */
export const signatureBytes = 64;

/** What is in place of a file, by its first bytes. Null if nothing else is recognized. */
export function impostor(start: Uint8Array): ModelFault | null {
  const text = String.fromCharCode(...start.subarray(0, signatureBytes)).replace(/^\u00ef\u00bb\u00bf/, '');
  if (text.startsWith('version https://git-lfs.github.com/'))
    return { kind: 'pointer', problem: 'is a Git LFS pointer, not the file itself' };
  if (/^\s*<(?:!doctype|html|\?xml|head|body)\b/i.test(text))
    return { kind: 'damaged', problem: 'is a web page, not the file itself' };
  return null;
}

/** What a folder without `model*.safetensors` or config.json contains instead. Null if nothing is recognized. */
export function otherForm(names: readonly string[]): ModelFault | null {
  const found = (pattern: RegExp): string | undefined => names.find((name) => pattern.test(name));
  const form = (problem: string, todo?: string): ModelFault => ({ kind: 'form', problem, ...(todo && { todo }) });
  const adapter = found(/^adapter_config\.json$/);
  if (adapter !== undefined)
    return form(
      'this folder has an adapter (adapter_config.json), not a model',
      'write its base model as `model:`; an adapter is given with `from: { adapter: FOLDER }`',
    );
  const gguf = found(/\.gguf$/i);
  if (gguf !== undefined)
    return form(
      `${gguf} is in the GGUF format, which mlx_lm cannot train`,
      'use the original model or one in the MLX format',
    );
  const torch = found(/\.(?:bin|pt|pth|ckpt)$/i);
  if (torch !== undefined) return form(`${torch} has PyTorch weights; mlx_lm only reads model*.safetensors`);
  const npz = found(/\.npz$/i);
  if (npz !== undefined) return form(`${npz} is from an mlx_lm before 2024; mlx_lm now only reads model*.safetensors`);
  const renamed = names.find((name) => /\.safetensors$/i.test(name) && !/^model.*\.safetensors$/.test(name));
  if (renamed === undefined) return null;
  return form(
    `${renamed}: mlx_lm only reads files named model*.safetensors, in lower case`,
    'rename the weights (model.safetensors, or model-00001-of-0000N.safetensors with their index), or fetch the model again',
  );
}
