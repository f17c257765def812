import { expect } from 'chai';
import fc from 'fast-check';
import {
  changed,
  dueAt,
  type Found,
  type InboxFile,
  nextLookAt,
  observe,
  type Place,
  takeable,
} from '../../src/producers/inbox-file.ts';

const file = (name: string, signature = '1', size = 10): Found => ({
  name,
  path: `/inbox/${name}`,
  kind: 'file',
  isLink: false,
  signature,
  size,
  problem: '',
});
const look = (before: InboxFile | undefined, found: Found, now: number, place: Place = 'inbox'): InboxFile =>
  observe(before, { ...found, path: `/${place}/${found.name}` }, { place, now });
const seen = (name: string, at: number, place: Place = 'inbox'): InboxFile => ({
  ...look(undefined, file(name), at, place),
  parses: true,
});
const names = (sightings: readonly InboxFile[]): string[] => sightings.map(({ name }) => name);

describe('producers/inbox-file', () => {
  it('counts from the last change', () => {
    const first = seen('a', 0);
    expect(takeable([first], 199)).to.deep.equal([]);
    const same = look(first, file('a'), 150);
    expect(same).to.equal(first);
    expect(names(takeable([same], 200))).to.deep.equal(['a']);
    const changed = { ...look(first, file('a', '2'), 150), parses: true };
    expect(changed).to.include({ firstSeen: 0, since: 150, digest: null });
    expect(takeable([changed], 349)).to.deep.equal([]);
    expect(names(takeable([changed], 350))).to.deep.equal(['a']);
  });

  it('gives more time to what is empty, does not parse or leads nowhere', () => {
    expect(dueAt(look(undefined, file('a', '1', 0), 0))).to.equal(5000);
    expect(dueAt(look(undefined, file('a'), 0))).to.equal(1000);
    expect(dueAt(look(undefined, { ...file('a'), kind: 'broken_link' }, 0))).to.equal(1000);
    expect(dueAt(look(undefined, { ...file('a'), kind: 'odd' }, 0))).to.equal(200);
  });

  it('lets a settled file wait for one of a smaller name that was dropped with it, not forever', () => {
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

  it('takes what was claimed first and submissions next, in their order; a slow writer of a claimed file delays no other', () => {
    const kept = ['z', 'b'].map((name) => seen(name, 0, 'kept'));
    expect(names(takeable([seen('a', 0), ...kept], 0)), 'a submission does not settle').to.deep.equal(['z', 'b']);
    const claimed = seen('y', 0, 'claimed');
    expect(names(takeable([seen('a', 0), ...kept, claimed], 0))).to.deep.equal([]);
    expect(names(takeable([seen('a', 0), ...kept, claimed], 200))).to.deep.equal(['y', 'z', 'b', 'a']);
    const written = { ...changed(claimed, 950), signature: '2' };
    expect(names(takeable([seen('a', 0), ...kept, written], 999))).to.deep.equal([]);
    expect(names(takeable([seen('a', 0), ...kept, written], 1000))).to.deep.equal(['z', 'b', 'a']);
  });

  it('lets a file rest that met a fault: only those behind it in its submission wait', () => {
    const fault = { why: 'EIO', until: 2000 };
    const first = { ...seen('z', 0, 'kept'), fault };
    const all = [seen('a', 0), first, seen('b', 0, 'kept'), { ...seen('c', 0, 'claimed'), fault }];
    expect(names(takeable(all, 300))).to.deep.equal(['a']);
    expect(names(takeable(all, 2000))).to.deep.equal(['c', 'z', 'b', 'a']);
    expect(nextLookAt(all, 1900)).to.equal(2000);
    expect(look(first, file('z', '2'), 500, 'kept').fault).to.equal(null);
  });

  it('takes every quiet file within 1.2 s of its last change, in order among those dropped together', () => {
    const drops = fc.array(fc.record({ name: fc.string({ minLength: 1 }), at: fc.nat(400) }), { maxLength: 12 });
    fc.assert(
      fc.property(drops, (list) => {
        const known = new Map(list.map(({ name, at }) => [name, seen(name, at)]));
        const taken: InboxFile[] = [];
        for (let now: number | null = 0; now !== null; now = nextLookAt(known.values(), now)) {
          for (const one of takeable(known.values(), now)) {
            expect(now).to.be.within(dueAt(one), dueAt(one) + 1000);
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
