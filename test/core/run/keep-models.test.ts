import { expect } from 'chai';
import fc from 'fast-check';
import { type ModelUser, modelsToRemove } from '../../../src/core/run/keep-models.ts';

/** A done run with a model of its own; `best` unless said otherwise. */
function user(run: string, given: Partial<ModelUser> = {}): ModelUser {
  const number = Number(/\d+/.exec(run)?.[0] ?? 0);
  const own = { run, phase: 'p', number, keep: 'best', owner: run, reads: [run], status: 'done', score: 50 } as const;
  return { ...own, ...given };
}

const none: ReadonlySet<string> = new Set();

describe('modelsToRemove', () => {
  it('`none`: a model is removed once its run is done; one that failed or was cancelled keeps it for `retry`', () => {
    const keep = 'none';
    const users = [
      user('a', { keep }),
      user('b', { keep, status: null, score: null }),
      user('c', { keep, status: 'failed', score: null }),
      user('d', { keep, status: 'cancelled', score: null }),
      user('e', { keep: 'all' }),
    ];
    expect(modelsToRemove(users, none)).to.deep.equal(['a']);
  });

  it('`best`: the best done run of the phase keeps its model, of equals the earlier one', () => {
    const users = [user('s0', { score: 70 }), user('s1', { score: 82 }), user('s2', { score: 82 })];
    expect(modelsToRemove(users, none)).to.deep.equal(['s0', 's2']);
    expect(modelsToRemove(users.toReversed(), none)).to.deep.equal(['s2', 's0']);
    expect(modelsToRemove([user('s0'), user('s1', { phase: 'q', score: 90 })], none)).to.deep.equal([]);
  });

  it('`best`: a run without a score beats no other, and loses to any', () => {
    const [silent, scored] = [user('s0', { score: null }), user('s1', { score: 0 })];
    expect(modelsToRemove([silent], none)).to.deep.equal([]);
    expect(modelsToRemove([silent, scored], none)).to.deep.equal(['s0']);
  });

  it('keeps what a run without a row reads, whatever phase it is of', () => {
    const users = [
      user('s0', { keep: 'none' }),
      user('q-s0', { phase: 'q', owner: 's0', reads: ['s0'], status: null }),
    ];
    expect(modelsToRemove(users, none)).to.deep.equal([]);
    const over = users.map((one) => ({ ...one, status: 'failed' as const }));
    expect(modelsToRemove([users[0] ?? user('s0'), ...over.slice(1)], none)).to.deep.equal(['s0']);
    const reader = user('s9', { owner: 's9', reads: ['s9', 's0'], status: null });
    expect(modelsToRemove([user('s0', { keep: 'none' }), reader], none)).to.deep.equal([]);
  });

  it('the best run may be one that shares a model, or that has none', () => {
    const sharing = user('s0-other', { number: 3, owner: 's0', reads: ['s0'], score: 90 });
    expect(modelsToRemove([user('s0', { score: 10 }), user('s1'), sharing], none)).to.deep.equal(['s1']);
    const raw = user('s0-raw', { owner: null, reads: [], score: 90 });
    expect(modelsToRemove([user('s0'), raw], none)).to.deep.equal(['s0']);
  });

  it('what was removed is neither removed again nor the one that stays', () => {
    const users = [user('s0', { score: 90 }), user('s1', { score: 80 }), user('s2', { score: 70 })];
    expect(modelsToRemove(users, new Set(['s0']))).to.deep.equal(['s2']);
    expect(modelsToRemove([user('s0', { keep: 'none' })], new Set(['s0']))).to.deep.equal([]);
  });

  it('`best`: in whatever order rows come, one model stays, and it is the best of all', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 8 }), fc.gen(), (scores, gen) => {
        const left = scores.map((_, index) => index);
        const gone = new Set<string>();
        const done = new Set<number>();
        while (left.length > 0) {
          const [next = 0] = left.splice(gen(fc.nat, { max: left.length - 1 }), 1);
          done.add(next);
          const users = scores.map((score, index) =>
            user(`s${index}`, done.has(index) ? { score } : { status: null, score: null }),
          );
          for (const run of modelsToRemove(users, gone)) gone.add(run);
        }
        const stays = scores.map((_, index) => `s${index}`).filter((run) => !gone.has(run));
        expect(stays).to.deep.equal([`s${scores.indexOf(Math.max(...scores))}`]);
      }),
    );
  });
});
