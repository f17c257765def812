import { expect } from 'chai';
import fc from 'fast-check';
import { type Found, nextLookAt, observe, type Sighting, settlesAt, takeable } from '../../src/producers/settle.ts';

const file = (name: string, signature = '1', size = 10): Found => ({
  name,
  kind: 'file',
  isLink: false,
  signature,
  size,
  problem: '',
});
const seen = (name: string, at: number): Sighting => ({ ...observe(undefined, file(name), at), parses: true });
const names = (sightings: readonly Sighting[]): string[] => sightings.map(({ name }) => name);

describe('producers/settle', () => {
  it('counts from the last change', () => {
    const first = seen('a', 0);
    expect(takeable([first], 199)).to.deep.equal([]);
    const same = observe(first, file('a'), 150);
    expect(same).to.equal(first);
    expect(names(takeable([same], 200))).to.deep.equal(['a']);
    const changed = { ...observe(first, file('a', '2'), 150), parses: true };
    expect(changed).to.include({ firstSeen: 0, since: 150, digest: null });
    expect(takeable([changed], 349)).to.deep.equal([]);
    expect(names(takeable([changed], 350))).to.deep.equal(['a']);
  });

  it('gives more time to what is empty, does not parse or leads nowhere', () => {
    expect(settlesAt(observe(undefined, file('a', '1', 0), 0))).to.equal(5000);
    expect(settlesAt(observe(undefined, file('a'), 0))).to.equal(1000);
    expect(settlesAt(observe(undefined, { ...file('a'), kind: 'broken_link' }, 0))).to.equal(1000);
    expect(settlesAt(observe(undefined, { ...file('a'), kind: 'odd' }, 0))).to.equal(200);
  });

  it('lets a settled file wait for one of a smaller name that was dropped with it, not for ever', () => {
    const b = seen('b', 0);
    const a = seen('a', 150);
    expect(names(takeable([b, a], 200))).to.deep.equal([]);
    expect(names(takeable([b, a], 350))).to.deep.equal(['a', 'b']);
    const writtenOn = { ...a, since: 1150 };
    expect(names(takeable([b, writtenOn], 1199))).to.deep.equal([]);
    expect(names(takeable([b, writtenOn], 1200))).to.deep.equal(['b']);
    expect(names(takeable([b, seen('a', 201)], 200))).to.deep.equal(['b']);
    expect(names(takeable([b, seen('c', 150)], 200))).to.deep.equal(['b']);
  });

  it('keeps the order of names through a chain of waiting ones', () => {
    const a = seen('a', 300);
    expect(names(takeable([seen('c', 0), seen('b', 150), a], 380))).to.deep.equal([]);
    expect(names(takeable([seen('c', 0), seen('b', 150), a], 500))).to.deep.equal(['a', 'b', 'c']);
  });

  it('takes every quiet file within 1.2 s of its last change, in order among those dropped together', () => {
    const drops = fc.array(fc.record({ name: fc.string({ minLength: 1 }), at: fc.nat(400) }), { maxLength: 12 });
    fc.assert(
      fc.property(drops, (list) => {
        const known = new Map(list.map(({ name, at }) => [name, seen(name, at)]));
        const taken: Sighting[] = [];
        for (let now: number | null = 0; now !== null; now = nextLookAt(known.values(), now)) {
          for (const one of takeable(known.values(), now)) {
            expect(now).to.be.within(settlesAt(one), settlesAt(one) + 1000);
            taken.push(one);
            known.delete(one.name);
          }
        }
        expect(known.size).to.equal(0);
        for (const [index, one] of taken.entries())
          for (const later of taken.slice(index + 1))
            if (later.name < one.name) expect(Math.abs(later.firstSeen - one.firstSeen)).to.be.greaterThan(200);
      }),
    );
  });
});
