import { expect } from 'chai';
import {
  adapterFiles,
  adapterOf,
  branchOf,
  type Descendant,
  finalModelOf,
  fusedAdapter,
  lineageOf,
  ownModelStage,
  withSources,
} from '../../../src/core/run/lineage.ts';
import { isRemoved } from '../../../src/core/run/outputs.ts';
import type { Origin } from '../../../src/events/run.ts';
import { type StageName, stageNames } from '../../../src/events/stages.ts';

type Mode = 'direct' | 'two_step' | 'none';
const branch = (run: string, stage: StageName): Origin => ({ run, after: stage });
const model = { model: '/m', sha256: 'm' };
const adapter = (checkpoint: number | null) => ({ adapter: '/a', checkpoint, sha256: 'a' });

function runOf(
  run: string,
  chain: string,
  { from = null, mode = 'direct' }: { from?: Origin | null; mode?: Mode } = {},
) {
  const fuse = { mode, q_bits: 5, q_group_size: 64 } as const;
  return { run, chain: chain.split(' ') as StageName[], from, settings: { fuse } };
}

/** The last of `runs`, asked for where its parts come from: `RUN STAGE`, or a folder. */
function partsOf(...runs: readonly Descendant[]) {
  const run = runs.at(-1);
  if (run === undefined) throw new Error('no run');
  const find = (id: string): Descendant | undefined => runs.find((one) => one.run === id);
  const lineage = lineageOf(run, { find, at: (maker, stage) => `${maker.run} ${stage}` });
  const given = adapterOf(lineage);
  const final = finalModelOf(lineage);
  const nameOf = (part: ReturnType<typeof adapterOf<string>>): string | null =>
    part === null ? null : part.kind === 'made' ? part.at : part.folder.adapter;
  return {
    made: Object.fromEntries(
      stageNames.flatMap(
        (stage) =>
          lineage
            .made(stage)
            ?.split(' ', 1)
            .map((id) => [stage, id]) ?? [],
      ),
    ),
    adapter: nameOf(given),
    final:
      final === null
        ? null
        : final.kind === 'adapter'
          ? `base + ${nameOf(final.adapter)}`
          : final.kind === 'made'
            ? final.at
            : final.folder.model,
    cost: fusedAdapter(lineage)?.final ?? null,
  };
}

const direct = runOf('d', 'train fuse cleanup eval');
const selected = runOf('s', 'train select fuse cleanup eval');
const twoStep = runOf('t', 'train select fuse quantize cleanup eval', { mode: 'two_step' });

describe('core/run/lineage', () => {
  it('of a run that begins with a training: what its own chain makes', () => {
    const own = (id: string, chain: string) => Object.fromEntries(chain.split(' ').map((stage) => [stage, id]));
    const found = partsOf(direct);
    expect(found).to.eql({
      made: own('d', 'train fuse cleanup eval'),
      adapter: 'd train',
      final: 'd fuse',
      cost: 'd fuse',
    });
    expect(partsOf(selected)).to.include({ adapter: 's select', final: 's fuse' });
    expect(partsOf(twoStep)).to.include({ adapter: 't select', final: 't quantize', cost: 't quantize' });
    const unfused = runOf('n', 'train select cleanup eval', { mode: 'none' });
    expect(partsOf(unfused)).to.include({ adapter: 'n select', final: 'base + n select', cost: null });
    const unquantized = runOf('u', 'train fuse cleanup eval', { mode: 'two_step' });
    expect(partsOf(unquantized)).to.include({ final: 'u fuse' });
  });

  it('of a run that branches off another one: what was made up to that stage, and nothing of what came later', () => {
    const off = (stage: StageName, chain: string, mode: Mode = 'direct') =>
      partsOf(twoStep, runOf('b', chain, { from: branch('t', stage), mode }));
    expect(off('train', 'fuse cleanup eval')).to.eql({
      made: { train: 't', fuse: 'b', cleanup: 'b', eval: 'b' },
      ...{ adapter: 't train', final: 'b fuse', cost: 'b fuse' },
    });
    expect(off('train', 'select fuse cleanup eval')).to.include({ adapter: 'b select', final: 'b fuse' });
    expect(off('train', 'eval', 'none')).to.include({ adapter: 't train', final: 'base + t train', cost: null });
    expect(off('select', 'fuse cleanup eval')).to.include({ adapter: 't select', final: 'b fuse' });
    expect(off('select', 'eval', 'none')).to.include({ adapter: 't select', final: 'base + t select' });
    expect(off('fuse', 'quantize eval', 'two_step')).to.include({ adapter: 't select', final: 'b quantize' });
    expect(off('fuse', 'eval')).to.include({ adapter: 't select', final: 't fuse', cost: 't fuse' });
    expect(off('quantize', 'eval')).to.eql({
      made: { train: 't', select: 't', fuse: 't', quantize: 't', eval: 'b' },
      ...{ adapter: 't select', final: 't quantize', cost: 't quantize' },
    });
  });

  it('never takes the fused model of the source for a run that does not fuse', () => {
    const raw = runOf('b', 'eval', { from: branch('t', 'quantize'), mode: 'none' });
    expect(partsOf(twoStep, raw)).to.include({ adapter: 't select', final: 'base + t select', cost: null });
  });

  it('of a branch of a branch: each stage by the nearest run that makes it', () => {
    const first = runOf('b', 'fuse cleanup eval', { from: branch('s', 'select') });
    const second = runOf('c', 'eval', { from: branch('b', 'fuse') });
    expect(partsOf(selected, first, second)).to.eql({
      made: { train: 's', select: 's', fuse: 'b', eval: 'c' },
      ...{ adapter: 's select', final: 'b fuse', cost: 'b fuse' },
    });
    expect(withSources<Descendant>(second, (id) => [selected, first].find(({ run }) => run === id))).to.eql([
      second,
      first,
      selected,
    ]);
    // `b` begins after the training: what `s` selected is not handed on by it.
    const late = runOf('b', 'fuse cleanup eval', { from: branch('s', 'train') });
    expect(partsOf(selected, late, second)).to.include({ adapter: 's train', final: 'b fuse' });
  });

  it('of an adapter from outside: fused, served, or behind a run that others branch off', () => {
    const fused = runOf('a', 'fuse cleanup eval', { from: adapter(600) });
    expect(partsOf(fused)).to.eql({
      made: { fuse: 'a', cleanup: 'a', eval: 'a' },
      ...{ adapter: '/a', final: 'a fuse', cost: 'a fuse' },
    });
    const served = runOf('a', 'eval', { from: adapter(null), mode: 'none' });
    expect(partsOf(served)).to.include({ adapter: '/a', final: 'base + /a', cost: null });
    const later = runOf('b', 'eval', { from: branch('a', 'fuse') });
    expect(partsOf(fused, later)).to.include({ adapter: '/a', final: 'a fuse', cost: 'a fuse' });
  });

  it('of a whole model from outside: that folder, and no adapter', () => {
    const judged = runOf('m', 'eval', { from: model });
    expect(partsOf(judged)).to.eql({ made: { eval: 'm' }, adapter: null, final: '/m', cost: null });
    const other = runOf('b', 'eval', { from: branch('m', 'fuse') });
    expect(partsOf(judged, other)).to.include({ final: '/m', cost: null });
  });

  it('knows of nothing where the source is gone, or where plans that were written by hand lead in a circle', () => {
    const lost = runOf('b', 'eval', { from: branch('gone', 'fuse') });
    expect(partsOf(lost)).to.eql({ made: { eval: 'b' }, adapter: null, final: null, cost: null });
    const [one, two] = [
      runOf('x', 'eval', { from: branch('y', 'fuse') }),
      runOf('y', 'eval', { from: branch('x', 'fuse') }),
    ];
    expect(partsOf(one, two)).to.include({ adapter: null, final: null });
  });

  it('says where the weights of an adapter lie, and which hash they must have', () => {
    expect(adapterFiles({ kind: 'made', stage: 'select', at: '/r/2-select/adapter' })).to.eql({
      ...{ folder: '/r/2-select/adapter', checkpoint: null, sha256: null },
      ...{ file: 'adapters.safetensors', weights: '/r/2-select/adapter/adapters.safetensors' },
    });
    expect(adapterFiles({ kind: 'outside', folder: adapter(600) })).to.eql({
      ...{ folder: '/a', checkpoint: 600, sha256: 'a' },
      ...{ file: '0000600_adapters.safetensors', weights: '/a/0000600_adapters.safetensors' },
    });
    expect(adapterFiles({ kind: 'outside', folder: adapter(null) }).weights).to.equal('/a/adapters.safetensors');
  });

  it('tells a branch from a folder, and which stage makes the final model in the own folder', () => {
    expect(branchOf({ from: branch('s', 'train') })).to.eql({ run: 's', after: 'train' });
    for (const from of [null, model, adapter(4)]) expect(branchOf({ from })).to.equal(null);
    expect([twoStep, direct, runOf('n', 'train cleanup eval')].map(({ chain }) => ownModelStage(chain))).to.eql([
      'quantize',
      'fuse',
      null,
    ]);
  });

  it('knows a removed output by its path or by a file in it', () => {
    const removed = { at: '', paths: ['model/model.safetensors', 'adapter/0000004_adapters.safetensors'] };
    const is = (path: string): boolean => isRemoved({ removed }, path);
    expect(['model', 'model/model.safetensors', 'adapter', 'mod', 'adapter/adapters.safetensors'].map(is)).to.eql([
      ...[true, true, true, false, false],
    ]);
    expect(isRemoved({ removed: null }, 'model')).to.equal(false);
  });
});
