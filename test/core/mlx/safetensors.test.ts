import { expect } from 'chai';
import fc from 'fast-check';
import { headerLength, indexProblem, readHeader, shardSetProblem } from '../../../src/core/mlx/safetensors.ts';

const entry = (dtype: string, shape: number[], begin: number, end: number) => ({
  dtype,
  shape,
  data_offsets: [begin, end],
});
const two = { a: entry('F16', [2, 4], 0, 16), b: entry('U32', [3], 16, 28), __metadata__: { format: 'mlx' } };

/** Checks a header as if the file had `data` bytes of tensors. */
const check = (header: unknown, data: number) => {
  const text = typeof header === 'string' ? header : JSON.stringify(header);
  return readHeader(text, text.length, 8 + text.length + data);
};
const problemOf = (header: unknown, data: number): string => {
  const checked = check(header, data);
  return checked.ok ? 'whole' : checked.problem;
};

describe('core/safetensors', () => {
  it('takes a file whose tensors fill it exactly', () => {
    const checked = check(two, 28);
    expect(checked.ok && checked.value.tensors.map(({ name }) => name)).to.deep.equal(['a', 'b']);
    expect(checked.ok && checked.value.isMlx).to.equal(true);
    expect(problemOf({}, 0)).to.equal('whole');
    expect(problemOf({ s: entry('F32', [], 0, 4), none: entry('F32', [0, 4], 4, 4) }, 4)).to.equal('whole');
  });

  it('names what is wrong', () => {
    expect(problemOf(two, 20)).to.equal('cut: 8 of 28 bytes of tensors are missing');
    expect(problemOf(two, 30)).to.equal('2 bytes too many after the last tensor');
    expect(problemOf({ ...two, b: entry('U32', [3], 20, 32) }, 32)).to.equal('gap before tensor b');
    expect(problemOf({ ...two, b: entry('U32', [3], 12, 24) }, 28)).to.equal('overlap before tensor b');
    expect(problemOf({ ...two, b: entry('U32', [4], 16, 28) }, 28)).to.contain('takes 12 bytes');
    expect(problemOf({ ...two, b: entry('X9', [3], 16, 28) }, 28)).to.contain('unknown dtype X9');
    expect(problemOf({ ...two, b: { dtype: 'F16' } }, 28)).to.contain('tensor b has no dtype, shape or data_offsets');
    expect(problemOf({ ...two, b: entry('U32', [-3], 16, 28) }, 28)).to.contain('tensor b has no');
    expect(problemOf('{"a": ', 0)).to.contain('not JSON');
    expect(problemOf('[]', 0)).to.contain('not a JSON object');
  });

  it('reads the length in front of the header', () => {
    const prefix = (length: bigint): Uint8Array => {
      const bytes = new Uint8Array(8);
      new DataView(bytes.buffer).setBigUint64(0, length, true);
      return bytes;
    };
    expect(headerLength(prefix(100n), 200)).to.deep.equal({ ok: true, value: 100 });
    expect(headerLength(prefix(100n), 50)).to.deep.include({ ok: false });
    expect(headerLength(prefix(2n ** 63n), 50)).to.deep.include({ ok: false });
    expect(headerLength(new Uint8Array(3), 3)).to.deep.include({ ok: false });
  });

  it('finds no file of another length whole', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(50), { maxLength: 8 }), fc.integer({ min: -40, max: 40 }), (lengths, change) => {
        let at = 0;
        const header: Record<string, unknown> = {};
        for (const [index, length] of lengths.entries()) {
          header[`t${index}`] = entry('U8', [length], at, at + length);
          at += length;
        }
        const checked = check(header, Math.max(0, at + change));
        return checked.ok === (Math.max(0, at + change) === at);
      }),
    );
  });

  it('holds index.json against the shards', () => {
    const shards = new Map([
      ['model-00001-of-00002.safetensors', ['a']],
      ['model-00002-of-00002.safetensors', ['b']],
    ]);
    const map = { a: 'model-00001-of-00002.safetensors', b: 'model-00002-of-00002.safetensors' };
    expect(indexProblem({ weight_map: map }, shards)).to.equal(null);
    expect(indexProblem({ weight_map: { ...map, c: 'model-00003-of-00002.safetensors' } }, shards)).to.contain(
      'which does not exist',
    );
    expect(indexProblem({ weight_map: { ...map, b: map.a } }, shards)).to.contain('but it is not');
    expect(indexProblem({ weight_map: { a: map.a } }, shards)).to.contain('does not name tensor b');
    expect(indexProblem({}, shards)).to.contain('no weight_map');
    expect(shardSetProblem([...shards.keys()])).to.equal(null);
    expect(shardSetProblem(['model-00001-of-00003.safetensors', 'model-00003-of-00003.safetensors'])).to.equal(
      'shard 2 of 3 is missing',
    );
    expect(shardSetProblem(['model.safetensors'])).to.equal(null);
  });
});
