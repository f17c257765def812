import type { InspectedTensors } from '../../core/config/lookups.ts';
import { headerLength, prefixBytes } from '../../core/mlx/safetensors.ts';
import { hasCode, openRegular, useFile } from '../disk/files.ts';
import { damaged, parseTensorFile, type Read, smallJson, type TensorFile } from '../thread/parse-tensors.ts';
import { runTask } from '../thread/run-task.ts';

/** The tensors of one .safetensors file by its header, or why it is of no use. */
export async function inspectTensors(path: string): Promise<InspectedTensors> {
  const file = await tensorFileOrFault(path);
  return file.ok ? { ok: true, value: file.value.tensors } : file;
}

/** The same, with the position where the tensors begin. */
export async function tensorFileOrFault(path: string): Promise<Read<TensorFile>> {
  if ((await claimedHeader(path)) <= smallJson) return parseTensorFile(path);
  return runTask('tensorFile', path, null).catch((error: unknown) => {
    if (!hasCode(error, 'ERR_WORKER_OUT_OF_MEMORY')) throw error;
    return damaged('its header takes more than 2 GB of memory');
  });
}

/** The size that a .safetensors file claims for its header. It is 0 if it cannot be read, which the later read reports. */
export async function claimedHeader(path: string): Promise<number> {
  try {
    return await useFile(openRegular(path), async (file) => {
      const prefix = new Uint8Array(prefixBytes);
      const { size } = await file.stat();
      await file.read(prefix, 0, prefixBytes, 0);
      const length = headerLength(prefix, size);
      return length.ok ? length.value : 0;
    });
  } catch {
    return 0;
  }
}
