import type { Manifest, OutputFile } from '../../events/manifest.ts';

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
