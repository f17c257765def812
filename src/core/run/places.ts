import type { Places, Programs } from '../../events/stages/stage-row.ts';
import { adapterFiles, adapterOf, finalModelOf, fusedAdapter, type Parts } from './lineage.ts';

/** The location of each part of a run, for the commands of its stages. Reading a part that it lacks throws. */
export function placesOf(run: string, parts: Parts<string>, programs: Programs): Places {
  const given = <T>(part: T | null | undefined, what: string): T => {
    if (part === null || part === undefined) throw new Error(`run ${run} has no ${what}`);
    return part;
  };
  return {
    python: programs.python,
    driver: (name) => programs.driver(name),
    // A run that starts from a whole model may have no base model.
    get baseModel() {
      return programs.baseModel;
    },
    made: (stage) => given(parts.made(stage), `stage ${stage} to read from`),
    get adapter() {
      return adapterFiles(given(adapterOf(parts), 'adapter'));
    },
    get judged() {
      const final = given(finalModelOf(parts), 'model to judge');
      if (final.kind === 'adapter') return { model: programs.baseModel, adapter: adapterFiles(final.adapter) };
      return { model: final.kind === 'made' ? final.at : final.folder.model, adapter: null };
    },
    get fused() {
      const fused = fusedAdapter(parts);
      if (fused === null) return null;
      const { folder, file } = adapterFiles(fused.adapter);
      return { adapter: folder, weights: file, final: fused.final };
    },
  };
}
