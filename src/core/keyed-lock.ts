/** Work on the same name, one after the other. Work that fails does not keep the next from starting. */
export type KeyedLock = <T>(name: string, work: () => Promise<T>) => Promise<T>;

export function openKeyedLock(): KeyedLock {
  const last = new Map<string, Promise<unknown>>();
  return (name, work) => {
    const next = (last.get(name) ?? Promise.resolve()).then(work, work);
    last.set(name, next);
    return next;
  };
}

/** One after the other, in the order of the calls. */
export function openQueue(): <T>(work: () => Promise<T>) => Promise<T> {
  const lock = openKeyedLock();
  return (work) => lock('', work);
}
