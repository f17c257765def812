/** Python's built-ins: calling these does not count as using a tool. */
const builtins = new Set(
  (
    'abs aiter all anext any ascii bin bool breakpoint bytearray bytes callable chr classmethod compile complex delattr ' +
    'dict dir divmod enumerate eval exec filter float format frozenset getattr globals hasattr hash help hex id input int ' +
    'isinstance issubclass iter len list locals map max memoryview min next object oct open ord pow print property range ' +
    'repr reversed round set setattr slice sorted staticmethod str sum super tuple type vars zip'
  ).split(' '),
);
/** Words that can precede a parenthesis without calling anything. */
const keywords = new Set(
  'and as assert async await case class def del elif else except finally for from global if import in is lambda match nonlocal not or pass raise return try while with yield'.split(
    ' ',
  ),
);

const strings = /"""[\s\S]*?(?:"""|$)|'''[\s\S]*?(?:'''|$)|"(?:[^"\\\n]|\\.)*"?|'(?:[^'\\\n]|\\.)*'?|#[^\n]*/g;
const call = /(?<![\p{ID_Continue}$.])([\p{ID_Start}_][\p{ID_Continue}]*)\s*\(/gu;
const defined = /\b(?:def|class)\s+([\p{ID_Start}_][\p{ID_Continue}]*)/gu;
const imported = /^[ \t]*(?:from\s+[\w.]+\s+)?import\s+(.+)$/gmu;

const namesIn = (text: string, pattern: RegExp): string[] => [...text.matchAll(pattern)].map(([, name]) => name ?? '');

/** `import a, b as c` binds a and c. */
const bound = (list: string): string[] =>
  list
    .replaceAll(/[()]/g, '')
    .split(',')
    .map(
      (part) =>
        part
          .trim()
          .split(/\s+as\s+/)
          .at(-1) ?? '',
    );

/**
 * Names of the functions that Python code calls, in order, each once. Built-ins (print, len), methods, names that the
 * code defines or imports, and anything in strings and comments do not count.
 */
export function calledNames(code: string): string[] {
  const bare = code.replaceAll(strings, (found) => (found.startsWith('#') ? '' : '""'));
  const own = new Set([...namesIn(bare, defined), ...namesIn(bare, imported).flatMap(bound)]);
  const called = namesIn(bare, call).filter((name) => !builtins.has(name) && !keywords.has(name) && !own.has(name));
  // `raise ValueError(..)` does not use a tool either.
  return [...new Set(called.filter((name) => !/(?:Error|Exception|Warning)$/.test(name)))];
}
