import { type Run, run as runSchema } from '../../src/events/run.ts';

/** A plan with everything filled in; `given` wins. */
export function plan(given: Partial<Run> = {}): Run {
  return runSchema.parse({
    version: 1,
    run: 'p-s0',
    phase: 'p',
    seed: 0,
    variant: null,
    number: 1,
    accepted: '2026-01-01T00:00:00.000Z',
    file: 'p.yaml',
    title: null,
    hypothesis: null,
    model: null,
    data: null,
    min_rows: {},
    from: null,
    chain: ['train', 'fuse', 'cleanup', 'eval'],
    settings: {
      train: { iters: 10 },
      select: {},
      fuse: {},
      cleanup: {},
      eval: { suite: '/suite.yaml' },
    },
    criteria: null,
    baseline: null,
    env: {},
    preflight: [],
    cooldown_s: 0,
    ...given,
  });
}
