import type { DataProfile } from '../../events/profile.ts';
import { count, none, percentOf } from '../format.ts';

/** A count with one cell per profile: of the given data and of the split data. */
export interface Figure {
  readonly name: string;
  readonly cells: readonly string[];
}

/** `385 of 1,074 (35.8 %)`; `0 of 1,074`. */
const portion = (some: number, all: number): string =>
  `${count(some)} of ${count(all)}${some === 0 ? '' : ` (${percentOf(some, all)})`}`;

interface Line {
  readonly name: (file: string, profile: DataProfile) => string;
  /** How many, and of how many. It is null if the profile does not count it. */
  readonly counts: (profile: DataProfile) => readonly [some: number, all?: number] | null;
  /** Shown only if it is not 0: most data has none of it. */
  readonly rare?: true;
}

type Answers = NonNullable<DataProfile['taught']>['answers'];

/** A masked training teaches one answer per row, the last one. */
const answers = ({ taught }: DataProfile): string => (taught?.masked === false ? 'answers' : 'rows');

const answerLine = (kind: Exclude<keyof Answers, 'total'>, words: string, rare = false): Line => ({
  name: (_, profile) => `${answers(profile)} that teach ${words}`,
  counts: ({ taught }) => (taught === undefined ? null : [taught.answers[kind], taught.answers.total]),
  ...(rare ? { rare } : {}),
});

const lines: readonly Line[] = [
  { name: (file) => `rows of ${file}`, counts: ({ rows }) => [rows.train] },
  { name: () => 'rows of valid.jsonl', counts: ({ rows }) => [rows.valid], rare: true },
  { name: (file) => `tokens of ${file}`, counts: ({ tokens }) => (tokens === undefined ? null : [tokens.train]) },
  { name: () => 'tokens of the longest row', counts: (profile) => [profile.longest_row_tokens] },
  answerLine('call', 'a call'),
  answerLine('prose', 'prose'),
  answerLine('other', 'something else than the answer', true),
  answerLine('nothing', 'nothing', true),
  {
    name: () => 'calls that are never taught',
    counts: ({ taught }) => (taught === undefined ? null : [taught.calls.never_taught, taught.calls.total]),
  },
  {
    name: () => 'assistant turns that are never taught',
    counts: ({ taught }) => (taught === undefined ? null : [taught.turns.never_taught, taught.turns.total]),
  },
  {
    name: () => 'rows longer than max_seq_length',
    counts: ({ rows, rows_over_max_seq_length: over }) => [over, rows.train],
    rare: true,
  },
  { name: () => 'answers cut short', counts: ({ rows, rows_answer_cut: cut }) => [cut, rows.train], rare: true },
  { name: () => 'answers lost', counts: ({ rows, rows_answer_lost: lost }) => [lost, rows.train], rare: true },
];

/** The figures of one file before and after the split, for the counts that both profiles have. `file` is its name. */
export function dataFigures(file: string, profiles: readonly [DataProfile, ...DataProfile[]]): Figure[] {
  return lines.flatMap(({ name, counts, rare = false }) => {
    const found = profiles.map(counts);
    if (found.every((one) => one === null || (rare && one[0] === 0))) return [];
    const cells = found.map((one) => {
      if (one === null) return none;
      const [some, all] = one;
      return all === undefined ? count(some) : portion(some, all);
    });
    return [{ name: name(file, profiles[0]), cells }];
  });
}
