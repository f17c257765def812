/** Null where the text is not JSON: the caller reports what it lacks, or its schema refuses null. */
export function jsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // as documented
  }
}
