import { expect } from 'chai';
import fc from 'fast-check';
import {
  atRest,
  findTarget,
  hasBegun,
  isPausedItself,
  lineUp,
  outcomeText,
  paused,
  pauseOf,
  pauseOfStage,
  prioritized,
  requestExitCode,
  resumed,
  sentBack,
  type Target,
} from '../../../src/core/run/control.ts';
import { attemptDue, due, nextAttempt } from '../../../src/core/run/due.ts';
import { runStatus } from '../../../src/core/run/status.ts';
import { type Control, outcome } from '../../../src/events/request.ts';
import type { JournalLine } from '../../../src/events/run.ts';
import type { StageName } from '../../../src/events/stages.ts';
import { plan } from '../../helpers/runs.ts';

const at = '2026-01-01T00:00:00.000Z';
const later = '2026-01-02T00:00:00.000Z';

const run = (name: string, number: number, source?: string) =>
  plan({ run: name, phase: name.split('-')[0]!, number, from: source ? { run: source, after: 'train' } : null });

const runs = [run('a-s0', 1), run('b-s0', 2), run('b-s1', 3), run('c-s0', 4), run('c-s0-q4', 5, 'c-s0')];
const phase = (name: string): Target => ({ kind: 'phase', name });
const one = (name: string): Target => ({ kind: 'run', name });
const names = (control: Control): string[] =>
  lineUp(
    control,
    runs.map((own) => ({ run: own })),
  ).map((x) => x.run.run);

describe('what a name means', () => {
  it('is a run, else a phase in any case, else nothing', () => {
    expect(findTarget('b-s1', runs)).to.eql(one('b-s1'));
    expect(findTarget('B', runs)).to.eql(phase('b'));
    expect(findTarget('b-s9', runs)).to.equal(null);
    // A phase may be called like a run of another one.
    expect(findTarget('b-s1', [...runs, run('x-s0', 9), plan({ run: 'b-s1-s0', phase: 'b-s1' })])).to.eql(one('b-s1'));
  });
});

describe('pauses', () => {
  it('hold a run by name, by its phase, or with the whole workspace: the widest is shown', () => {
    const named = paused(atRest, one('b-s0'), at);
    expect(runs.filter((own) => pauseOf(named, own)).map((own) => own.run)).to.eql(['b-s0']);
    const wider = paused(named, phase('b'), later);
    expect(pauseOf(wider, runs[1]!)).to.eql({ since: later, target: phase('b') });
    expect(runs.filter((own) => pauseOf(wider, own)).map((own) => own.run)).to.eql(['b-s0', 'b-s1']);
    expect(pauseOf(paused(wider, null, later), runs[0]!)).to.eql({ since: later, target: null });
  });

  it('are lifted one by one; a phase takes its runs along, and a run does not lift its phase', () => {
    const all = paused(paused(paused(paused(atRest, one('b-s0'), at), phase('b'), at), one('a-s0'), at), null, at);
    expect(resumed(all, null, runs)).to.eql({ ...all, paused: null });
    expect(resumed(all, phase('b'), runs).pauses.map(({ name }) => name)).to.eql(['a-s0']);
    expect(resumed(all, one('b-s0'), runs).pauses.map(({ name }) => name)).to.eql(['b', 'a-s0']);
    expect(resumed(atRest, one('b-s0'), runs)).to.eql(atRest);
  });

  it('keep their first time when they are asked for again', () => {
    for (const target of [null, one('a-s0'), phase('b')]) {
      const once = paused(atRest, target, at);
      expect(paused(once, target, later)).to.eql(once);
    }
  });

  it('let an attempt that has begun finish, and hold the next one', () => {
    const journal: JournalLine[] = [
      { event: 'started', at },
      { event: 'reserved', at, stage: 'train', attempt: 1, bytes: null },
    ];
    const state = { run: runs[0]!, committed: new Set<StageName>(), journal };
    const control = paused(atRest, null, at);
    expect(hasBegun(state, { stage: 'train', attempt: 1 })).to.equal(true);
    expect(pauseOfStage(control, state, { stage: 'train', attempt: 1 })).to.equal(null);
    expect(pauseOfStage(control, state, { stage: 'train', attempt: 2 })).not.to.equal(null);
    expect(pauseOfStage(control, state, { stage: 'fuse', attempt: 1 })).not.to.equal(null);
    const status = runStatus(state, { now: 0, control });
    expect(status).to.include({ state: 'running', stage: 'train' });
    expect(status.why).to.match(/^finishes train first: the workspace has been paused/);
    const trained = { ...state, committed: new Set<StageName>(['train']) };
    expect(runStatus(trained, { now: 0, control })).to.include({ state: 'paused', stage: 'fuse' });
    const waiting = { ...state, journal: [] };
    expect(runStatus(waiting, { now: 0, control: paused(atRest, phase('a'), at) })).to.include({
      ...{ state: 'paused', stage: null, why: `a has been paused since ${at}; \`phasebox resume a\` ends the pause` },
    });
  });
});

describe('the waiting line', () => {
  const put = (control: Control, ...wanted: string[]): Control => prioritized(control, new Set(wanted), runs);

  it('is the order of acceptance, what was put first before it, the latest foremost', () => {
    expect(names(atRest)).to.eql(['a-s0', 'b-s0', 'b-s1', 'c-s0', 'c-s0-q4']);
    expect(names(put(atRest, 'b-s1'))).to.eql(['b-s1', 'a-s0', 'b-s0', 'c-s0', 'c-s0-q4']);
    expect(names(put(put(atRest, 'b-s1'), 'c-s0'))).to.eql(['c-s0', 'b-s1', 'a-s0', 'b-s0', 'c-s0-q4']);
    expect(names(put(put(atRest, 'b-s1'), 'b-s0', 'b-s1')).slice(0, 2)).to.eql(['b-s0', 'b-s1']);
  });

  it('takes along what a run starts from, as long as that waits', () => {
    expect(put(atRest, 'c-s0-q4').first).to.eql(['c-s0', 'c-s0-q4']);
    const without = runs.filter((own) => own.run !== 'c-s0');
    expect(prioritized(atRest, new Set(['c-s0-q4']), without).first).to.eql(['c-s0-q4']);
  });

  it('forgets who no longer waits, and whom a retry sends back', () => {
    const before = put(put(atRest, 'b-s1'), 'c-s0');
    const without = runs.filter((own) => own.run !== 'b-s1');
    expect(prioritized(before, new Set(['a-s0']), without).first).to.eql(['a-s0', 'c-s0']);
    expect(sentBack(before, ['c-s0'])).to.deep.include({ first: ['b-s1'], retried: 1 });
  });

  it('under any pauses and priorities: every run once, in the same order however it is given, none paused taken', () => {
    const name = fc.constantFrom(...runs.map((own) => own.run));
    const target = fc.oneof(name.map(one), fc.constantFrom('a', 'b', 'c').map(phase), fc.constant<Target | null>(null));
    const change = fc.oneof(
      target.map((wanted) => (control: Control) => paused(control, wanted, at)),
      target.map((wanted) => (control: Control) => resumed(control, wanted, runs)),
      fc.array(name, { minLength: 1 }).map((wanted) => (control: Control) => put(control, ...wanted)),
      name.map((wanted) => (control: Control) => sentBack(control, [wanted])),
    );
    fc.assert(
      fc.property(
        fc.array(change, { maxLength: 12 }),
        fc.shuffledSubarray(runs, { minLength: 5 }),
        (changes, mixed) => {
          const control = changes.reduce((before, next) => next(before), atRest);
          const line = lineUp(
            control,
            mixed.map((own) => ({ run: own })),
          );
          expect(line.map((x) => x.run.run)).to.eql(names(control));
          expect(new Set(line).size).to.equal(runs.length);
          const [next] = line.filter((x) => !isPausedItself(control, x.run));
          if (next !== undefined && control.paused === null) expect(pauseOf(control, next.run)).to.equal(null);
          for (const x of line)
            expect(pauseOf(control, x.run) === null).to.equal(
              control.paused === null && !isPausedItself(control, x.run),
            );
          // What was put first stays in front of everything that was not.
          const places = line.map((x) => control.first.indexOf(x.run.run)).filter((place) => place >= 0);
          expect(places).to.eql(control.first.map((_, place) => place));
          expect(line.slice(0, control.first.length).map((x) => x.run.run)).to.eql(control.first);
        },
      ),
    );
  });
});

describe('attempts after a retry', () => {
  const reserved = (stage: StageName, attempt: number): JournalLine => ({
    ...{ event: 'reserved', at, stage, attempt, bytes: null },
  });
  const journal: JournalLine[] = [
    { event: 'started', at },
    reserved('train', 1),
    reserved('fuse', 1),
    { event: 'row', at },
  ];

  it('never use a number again, also where nothing failed', () => {
    expect(nextAttempt(journal, 'fuse'), 'it still is the same attempt').to.equal(1);
    const again: JournalLine[] = [...journal, { event: 'retried', at, stage: 'fuse' }];
    expect([nextAttempt(again, 'fuse'), nextAttempt(again, 'train'), nextAttempt(again, 'eval')]).to.eql([2, 2, 1]);
    expect(nextAttempt([...again, reserved('fuse', 2)], 'fuse')).to.equal(2);
  });

  it('are also shown for a finished run', () => {
    const state = { run: runs[0]!, committed: new Set<StageName>(['train']), journal };
    expect(attemptDue(state)).to.eql({ stage: 'fuse', attempt: 1 });
    const cancelled = { ...state, journal: [...journal, { event: 'cancelled', at } as const] };
    expect(due(cancelled, false)?.event.stage).to.equal('results');
    expect(attemptDue(cancelled)).to.eql({ stage: 'fuse', attempt: 1 });
    expect(attemptDue({ ...state, committed: new Set(runs[0]!.chain) })).to.equal(null);
  });
});

describe('what came of a request', () => {
  const kinds = outcome.options.flatMap(({ shape: { did } }) => [...('options' in did ? did.options : did.values)]);
  const samples = kinds.flatMap((did) =>
    ['43a-s0', null].flatMap((about) =>
      ['fuse', 'waiting', null].flatMap((detail) => outcome.safeParse({ about, did, detail }).data ?? []),
    ),
  );

  it('has a sentence for everything, without a hole in it', () => {
    expect([...new Set(samples.map(({ did }) => did))]).to.have.members(kinds);
    for (const sample of samples)
      expect(outcomeText(sample), sample.did)
        .to.match(/\w/)
        .and.not.match(/undefined|null/);
  });

  it('ends the command with 0 as long as something was done or nothing was wanting', () => {
    const told = (...dids: (typeof kinds)[number][]) =>
      requestExitCode(dids.flatMap((did) => samples.find((one) => one.did === did) ?? []));
    expect([told(), told('over'), told('retried', 'done'), told('done', 'needed'), told('cancelled', 'error')]).to.eql([
      ...[0, 0, 0, 2, 1],
    ]);
  });
});
