import { type FileHandle, readlink } from 'node:fs/promises';
import { impostor, type ModelFault, signatureBytes } from '../../core/mlx/model-fault.ts';
import { headerLength, prefixBytes, readHeader, type TensorHeader } from '../../core/mlx/safetensors.ts';
import { hasCode, openRegular, useFile } from '../disk/files.ts';

/** The content of a file, or why it cannot be used. */
export type Read<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly fault: ModelFault };

export interface TensorFile extends TensorHeader {
  /** Where the tensors begin: their offsets count from here. */
  readonly dataStart: number;
}

export const damaged = (problem: string): { ok: false; fault: ModelFault } => ({
  ok: false,
  fault: { kind: 'damaged', problem },
});
export const missing = (problem: string): { ok: false; fault: ModelFault } => ({
  ok: false,
  fault: { kind: 'missing', problem },
});

/** Bytes of JSON that the main thread parses, in about 20 ms. A thread takes 100 ms to start. */
export const smallJson = 2 ** 20;
/** Published models have at most 92,000. More would block the event loop while they are transferred from a thread. */
export const mostTensors = 100_000;
export const tooManyTensors: ModelFault = { kind: 'form', problem: `more than ${mostTensors} tensors` };

/** All tensors of one .safetensors file, checked against its size. Only the header is read, however large it is. */
export const parseTensorFile = (path: string): Promise<Read<TensorFile>> =>
  readOpened(path, async (file) => {
    const { size } = await file.stat();
    const start = new Uint8Array(signatureBytes);
    await file.read(start, 0, signatureBytes, 0);
    const other = impostor(start);
    if (other !== null) return { ok: false, fault: other };
    const length = headerLength(start.subarray(0, prefixBytes), size);
    if (!length.ok) return damaged(length.problem);
    const bytes = Buffer.alloc(length.value);
    const { bytesRead } = await file.read(bytes, 0, length.value, prefixBytes);
    const header = readHeader(bytes.toString('utf8', 0, bytesRead), length.value, size);
    if (!header.ok) return damaged(header.problem);
    if (header.value.tensors.length === 0) return damaged('it has no tensors');
    if (header.value.tensors.length > mostTensors) return { ok: false, fault: tooManyTensors };
    return { ok: true, value: { ...header.value, dataStart: prefixBytes + length.value } };
  });

/** Reads an open file, or says what is in its place. */
export async function readOpened<T>(path: string, read: (file: FileHandle) => Promise<Read<T>>): Promise<Read<T>> {
  try {
    return await useFile(openRegular(path), read);
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return missing(await absence(path));
    if (hasCode(error, 'EISDIR')) return damaged('is a folder');
    if (hasCode(error, 'ENXIO')) return damaged('is not a regular file');
    throw error;
  }
}

/** `not there`, or the missing target of a link: the Hub cache consists of links. */
async function absence(path: string): Promise<string> {
  const target = await readlink(path).catch(() => null);
  return target === null ? 'not there' : `is a link to ${target}, which is not there`;
}
