/** As many as Node's thread pool serves at once: more would only keep more files open. */
const most = 4;

/** Works through items, four at a time, and keeps their order: thousands of runs must not use all file handles. */
export async function inParallel<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let index = next++; index < items.length; index = next++) {
      const item = items[index];
      if (item !== undefined) results[index] = await work(item);
    }
  };
  await Promise.all(Array.from({ length: most }, lane));
  return results;
}
