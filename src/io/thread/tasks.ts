import { readSuite } from '../../core/config/read-suite.ts';
import { readYamlData } from '../../core/config/read-yaml.ts';
import { judge, scoreSuiteBy } from '../../core/score/score.ts';
import type { ScorableAnswer, Suite } from '../../events/suite.ts';

/** Says what is worked on, for whoever waits in vain. */
export type Note = (at: string) => void;

interface Text {
  readonly bytes: Uint8Array;
  readonly file: string;
}

interface Scored {
  readonly suite: Suite;
  readonly answers: readonly ScorableAnswer[];
  readonly repeats?: number | undefined;
}

/** What may be done in a thread of its own: plain data in, plain data out. Pure, so that it gives the same anywhere. */
export const tasks = {
  yaml: ({ bytes, file }: Text) => readYamlData(bytes, file),
  suite: ({ bytes, file }: Text) => readSuite(bytes, file),
  score: ({ suite, answers, repeats }: Scored, note: Note) =>
    scoreSuiteBy(suite, answers, {
      repeats,
      judge(prompt, answer) {
        note(prompt.id);
        return judge(prompt, suite.wrapper, answer);
      },
    }),
} as const;

export type TaskName = keyof typeof tasks;
export type TaskInput<N extends TaskName> = Parameters<(typeof tasks)[N]>[0];
export type TaskOutput<N extends TaskName> = ReturnType<(typeof tasks)[N]>;
