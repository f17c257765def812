/** Work on the same name, one after the other. */
export type KeyedLock = <T>(name: string, work: () => Promise<T>) => Promise<T>;

/**
 * The name to take for work on stages that several runs read: a run is admitted because its source's stages are there, and
 * `retry` takes them away because no admitted run reads them. No run has this name.
 */
export const sharedStages = 'shared stages';

/** Whoever reads a run's state and then acts on it takes a turn: a row and a retry must not pass each other. */
export function openKeyedLock(): KeyedLock {
  const last = new Map<string, Promise<unknown>>();
  return (name, work) => {
    const next = (last.get(name) ?? Promise.resolve()).then(work, work);
    last.set(name, next);
    return next;
  };
}
