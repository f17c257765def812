import { plural } from '../format.ts';
import { printable, printableLines, visible } from '../printable.ts';
import { shownAt } from '../secrets.ts';

/** The place of a value in a config: keys and list indexes. */
export type Path = readonly (string | number)[];

/** Something wrong in a config, before its line and file are known. */
export interface Finding {
  readonly path: Path;
  /** What is wrong and what is allowed. */
  readonly message: string;
  /** The value that was found. Absent if there is none. */
  readonly seen?: unknown;
  readonly hint?: string | undefined;
  /** What is allowed there. It is shown with the message, but only once for all findings that have the same. */
  readonly allowed?: readonly string[] | undefined;
  /** A required value is not given. */
  readonly missing?: true;
  /** The config is right, but this machine lacks something: the phase can be planned but not accepted. */
  readonly absent?: true;
}

/** What a check of a config found: what is wrong, and what is doubtful without being wrong. */
export interface Checked {
  readonly findings: readonly Finding[];
  readonly warnings: readonly string[];
}

/** The result of a lookup. Null if nothing can be planned with it. The findings say why, or what is absent. */
export interface Looked<T> {
  readonly value: T | null;
  readonly findings: readonly Finding[];
}

export const nothingFound: Checked = { findings: [], warnings: [] };

/** What several checks found. */
export const together = (...all: readonly Checked[]): Checked => ({
  findings: all.flatMap(({ findings }) => findings),
  warnings: all.flatMap(({ warnings }) => warnings),
});

/** A finding as people read it. `line` is from 1. `file` is the config, what it extends, or its suite. */
export interface Problem {
  readonly file: string;
  readonly line: number | null;
  /** `train.iters`, `seeds[1]`. Empty for the file as a whole. */
  readonly path: string;
  readonly seen: string | null;
  readonly message: string;
  readonly hint: string | null;
}

/** A text that findings can be in: the config, or the file that it extends. */
export interface Source {
  readonly file: string;
  /** Line (from 1) of the deepest existing part of the path, and how many of its keys that is. */
  find(path: Path): { readonly depth: number; readonly line: number | null };
}

const longest = 80;

/** `train.iters`, `criteria.outcomes[0].when`. */
export function pathText(path: Path): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`;
    const name = visible(key.length > longest ? `${key.slice(0, longest)}...` : key);
    return text === '' ? name : `${text}.${name}`;
  }, '');
}

/**
 * Leaves out findings about a key whose value `refused` already refuses. Such a value is removed before the other checks,
 * which then take the key for omitted.
 */
export function unlessRefused(findings: readonly Finding[], refused: readonly Finding[]): Finding[] {
  const paths = new Set(refused.map(({ path }) => pathText(path)));
  return findings.filter(({ path }) => !paths.has(pathText(path)));
}

/** A value on one short line, or null if there is none. */
export function seenText(value: unknown): string | null {
  if (value === undefined) return null;
  const text = typeof value === 'number' ? String(value) : JSON.stringify(value);
  return visible(text.length > longest ? `${text.slice(0, longest)}...` : text);
}

/** Findings with their lines, from the source with the longest part of their path, in the order of the files. */
export function locate(found: readonly Finding[], sources: readonly [Source, ...Source[]]): Problem[] {
  const problems = found.map(shownFinding).map((finding) => {
    const [first, ...others] = sources.map((source, rank) => ({
      rank,
      file: source.file,
      ...source.find(finding.path),
    }));
    const place = others.reduce((best, next) => (best !== undefined && next.depth > best.depth ? next : best), first);
    const problem: Problem = {
      file: place?.file ?? sources[0].file,
      line: place?.line ?? null,
      path: pathText(finding.path),
      seen: seenText(finding.seen),
      message: printableLines(finding.message),
      hint: finding.hint === undefined ? null : printableLines(finding.hint),
    };
    const line = place?.line ?? Number.MAX_SAFE_INTEGER;
    return { problem, allowed: finding.allowed?.join(', '), rank: place?.rank ?? 0, line };
  });
  const shown = new Set<string>();
  return problems
    .toSorted((a, b) => a.rank - b.rank || a.line - b.line)
    .map(({ problem, allowed }) => {
      if (allowed === undefined || shown.has(allowed)) return problem;
      shown.add(allowed);
      return { ...problem, message: `${problem.message}${listed(problem.message, allowed)}` };
    });
}

/** A finding as it may be shown: a wrong token is still a secret. */
function shownFinding(finding: Finding): Finding {
  const { path, seen, hint } = finding;
  const shown = shownAt(pathText(path), seen);
  return shown === seen ? finding : { ...finding, seen: shown, hint: hint?.replaceAll(String(seen), String(shown)) };
}

/** The likely intention comes before the long list. */
const listed = (message: string, allowed: string): string =>
  message.endsWith('?') ? ` Allowed here: ${allowed}` : `; allowed here: ${allowed}`;

/** For `.reasons.txt` and the terminal: `43a.yaml:7: train.itres: unknown key ...`, with value and hint below. */
export function formatProblems(file: string, problems: readonly Problem[]): string {
  const count = plural(problems.length, 'problem');
  const lines = problems.map((problem) => {
    const place = `${printable(problem.file)}${problem.line === null ? '' : `:${problem.line}`}`;
    const about = problem.path === '' ? '' : `${problem.path}: `;
    const seen = problem.seen === null ? '' : `\n    seen: ${problem.seen}`;
    const hint = problem.hint === null ? '' : `\n    ${problem.hint}`;
    return `${place}: ${about}${problem.message}${seen}${hint}\n`;
  });
  return `${printable(file)} is not accepted: ${count}.\n\n${lines.join('\n')}`;
}
