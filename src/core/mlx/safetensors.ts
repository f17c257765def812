import { messageOf } from '../errors.ts';
import { isMapping, type Mapping } from '../mapping.ts';

/** Bytes per element of a dtype, times 8, so that packed ones stay whole numbers (safetensors' own list). */
const dtypeBits: Readonly<Record<string, number>> = {
  ...{ BOOL: 8, U8: 8, I8: 8, F8_E5M2: 8, F8_E4M3: 8, F8_E8M0: 8, F4: 4, F6_E2M3: 6, F6_E3M2: 6 },
  ...{ U16: 16, I16: 16, F16: 16, BF16: 16, U32: 32, I32: 32, F32: 32, U64: 64, I64: 64, F64: 64, C64: 64 },
};

/** The format's own limit for a header. */
export const maxHeaderBytes = 100_000_000;
/** Bytes before the header: its length, unsigned little-endian. */
export const prefixBytes = 8;

/** One tensor. Offsets count from the end of the header. */
export interface Tensor {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/** What a header says, or why the file cannot be whole. */
export type HeaderCheck<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problem: string };

const bad = (problem: string): { ok: false; problem: string } => ({ ok: false, problem });
/** As many dimensions as NumPy allows. */
const mostDimensions = 64;
const isCounts = (value: unknown): value is number[] =>
  Array.isArray(value) &&
  value.length <= mostDimensions &&
  value.every((item) => Number.isSafeInteger(item) && item >= 0);

/** Length of the header (bytes) from the first 8 bytes of a file of `fileBytes`. */
export function headerLength(prefix: Uint8Array, fileBytes: number): HeaderCheck<number> {
  if (fileBytes < prefixBytes || prefix.length < prefixBytes) {
    return bad(`${fileBytes} bytes are too few for a safetensors file`);
  }
  const length = new DataView(prefix.buffer, prefix.byteOffset, prefixBytes).getBigUint64(0, true);
  if (length > BigInt(maxHeaderBytes)) return bad(`its header claims ${length} bytes, so it is not a safetensors file`);
  if (prefixBytes + Number(length) > fileBytes) {
    return bad(`cut inside its header: ${prefixBytes + Number(length)} bytes expected, ${fileBytes} found`);
  }
  return { ok: true, value: Number(length) };
}

function readTensor(name: string, entry: unknown): HeaderCheck<Tensor> {
  if (!isMapping(entry) || typeof entry.dtype !== 'string' || !isCounts(entry.shape) || !isCounts(entry.data_offsets)) {
    return bad(`tensor ${name} has no dtype, shape or data_offsets`);
  }
  const [begin, end] = entry.data_offsets;
  const bits = dtypeBits[entry.dtype];
  if (bits === undefined) return bad(`tensor ${name} has the unknown dtype ${entry.dtype}`);
  if (begin === undefined || end === undefined || end < begin) return bad(`tensor ${name} has offsets that do not fit`);
  const bytes = (entry.shape.reduce((product, length) => product * length, 1) * bits) / 8;
  if (end - begin !== bytes) {
    return bad(`tensor ${name} takes ${end - begin} bytes, its shape and dtype need ${bytes}`);
  }
  return { ok: true, value: { name, dtype: entry.dtype, shape: entry.shape, begin, end } };
}

function parseHeader(header: string): HeaderCheck<Mapping> {
  try {
    const value: unknown = JSON.parse(header);
    return isMapping(value) ? { ok: true, value } : bad('its header is not a JSON object');
  } catch (error) {
    return bad(`its header is not JSON (${messageOf(error)})`);
  }
}

/** Tensors must follow each other without gap or overlap, and end where the file ends. */
function coverage(tensors: readonly Tensor[], dataBytes: number): string | null {
  let at = 0;
  for (const tensor of tensors) {
    if (tensor.begin !== at) return `${tensor.begin > at ? 'gap' : 'overlap'} before tensor ${tensor.name}`;
    at = tensor.end;
  }
  if (at > dataBytes) return `cut: ${at - dataBytes} of ${at} bytes of tensors are missing`;
  if (at < dataBytes) return `${dataBytes - at} bytes too many after the last tensor`;
  return null;
}

/** The content of one file's header. */
export interface TensorHeader {
  /** In file order. */
  readonly tensors: readonly Tensor[];
  /** mlx wrote it: the tensors have the names of mlx_lm's own layers. */
  readonly isMlx: boolean;
}

/** The header of one file, checked against the size of the file. */
export function readHeader(header: string, headerBytes: number, fileBytes: number): HeaderCheck<TensorHeader> {
  const parsed = parseHeader(header);
  if (!parsed.ok) return parsed;
  const tensors: Tensor[] = [];
  for (const [name, entry] of Object.entries(parsed.value)) {
    if (name === '__metadata__') continue;
    const tensor = readTensor(name, entry);
    if (!tensor.ok) return tensor;
    tensors.push(tensor.value);
  }
  tensors.sort((a, b) => a.begin - b.begin || a.end - b.end);
  const problem = coverage(tensors, fileBytes - prefixBytes - headerBytes);
  if (problem !== null) return bad(problem);
  const { __metadata__: metadata } = parsed.value;
  return { ok: true, value: { tensors, isMlx: isMapping(metadata) && metadata.format === 'mlx' } };
}

/** Why index.json and the shards do not fit together, or null. `shards`: file -> names of its tensors. */
export function indexProblem(index: unknown, shards: ReadonlyMap<string, readonly string[]>): string | null {
  const map = isMapping(index) ? index.weight_map : undefined;
  if (!isMapping(map)) return 'has no weight_map';
  const there = new Map([...shards].flatMap(([file, names]) => names.map((name) => [name, file] as const)));
  for (const [name, file] of Object.entries(map)) {
    if (typeof file !== 'string') return `names no file for tensor ${name}`;
    if (!shards.has(file)) return `names the shard ${file}, which does not exist`;
    if (there.get(name) !== file) return `says that tensor ${name} is in ${file}, but it is not`;
  }
  const stray = [...there.keys()].find((name) => !(name in map));
  return stray === undefined ? null : `does not name tensor ${stray} of ${there.get(stray)}`;
}

/** Why a set of shards is not complete by its own numbering (`model-00002-of-00012.safetensors`), or null. */
export function shardSetProblem(names: readonly string[]): string | null {
  const numbered = names.flatMap((name) => {
    const match = /-(\d+)-of-(\d+)\.safetensors$/.exec(name);
    return match ? [{ part: Number(match[1]), of: Number(match[2]), stem: name.slice(0, match.index) }] : [];
  });
  for (const { of, stem } of numbered) {
    const parts = new Set(numbered.filter((one) => one.stem === stem && one.of === of).map((one) => one.part));
    for (let part = 1; part <= of; part++) if (!parts.has(part)) return `shard ${part} of ${of} is missing`;
  }
  return null;
}
