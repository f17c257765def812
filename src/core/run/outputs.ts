import type { Manifest, OutputFile } from '../../events/run.ts';

/** Whether a path is one of these, or in a folder among them. */
export const isAmong = (path: string, paths: readonly string[]): boolean =>
  paths.some((one) => path === one || path.startsWith(`${one}/`));

/** Whether this output of a stage, or one in this folder, was removed on purpose. */
export const isRemoved = ({ removed }: Pick<Manifest, 'removed'>, path: string): boolean =>
  removed?.paths.some((one) => isAmong(one, [path])) ?? false;

/** The outputs of a stage without those that were removed on purpose. */
export function keptOutputs({ outputs, removed }: Pick<Manifest, 'outputs' | 'removed'>): readonly OutputFile[] {
  const gone = new Set(removed?.paths);
  return outputs.filter(({ path }) => !gone.has(path));
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

const kept = (manifest: Manifest): number => sum(keptOutputs(manifest).map(({ bytes }) => bytes));

/** Bytes that a run needed besides those that stay. `inWork`: the size of an attempt's folder, null if not known. */
export function peakBytes(chain: readonly Manifest[], inWork: (manifest: Manifest) => number | null): number | null {
  let before = 0;
  let peak: number | null = null;
  for (const manifest of chain) {
    const working = inWork(manifest);
    if (working !== null) peak = Math.max(peak ?? 0, before + working);
    before += sum(manifest.outputs.map(({ bytes }) => bytes));
    // from cleanup on, what it marked as removed in the earlier manifests is gone
    if (manifest.stage === 'cleanup') before = sum(chain.slice(0, chain.indexOf(manifest) + 1).map(kept));
  }
  return peak === null ? null : Math.max(0, peak - sum(chain.map(kept)));
}
