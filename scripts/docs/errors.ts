import { catalogue, type Retry } from '../../src/core/errors.ts';

const retries: Readonly<Record<Retry, string>> = {
  transient: 'Retried after a pause.',
  resume: 'Resumed.',
  once: 'Retried once.',
  wait: 'Retried as soon as there is space.',
  never: 'Not retried.',
};

/** One section per code. */
export const errorSections = (): string =>
  Object.entries(catalogue)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([code, { retry, what, next }]) => `### ${code}\n\n${what}. *${retries[retry]}*\n\n${next}`)
    .join('\n\n');
