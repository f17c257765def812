import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { RowsCall } from '../../core/config/lookups.ts';
import type { ScorableAnswer, Suite } from '../../events/suite.ts';

/** Reports what the task works on, which is named if the task does not end. */
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

/** Tasks of a thread: plain data in and out. Each loads only its own code, since a thread starts with nothing. */
export const tasks = {
  async yaml({ bytes, file }: Text) {
    const { readYamlData } = await import('../../core/config/read-yaml.ts');
    return readYamlData(bytes, file);
  },
  async suite({ bytes, file }: Text) {
    const { readSuite } = await import('../../core/config/read-suite.ts');
    return readSuite(bytes, file);
  },
  async score({ suite, answers, repeats }: Scored, note: Note) {
    const { scoreAnswer, scoreSuiteBy } = await import('../../core/score/score.ts');
    return scoreSuiteBy(suite, answers, {
      repeats,
      scoreAnswer(prompt, answer) {
        note(prompt.id);
        return scoreAnswer(prompt, suite.wrapper, answer);
      },
    });
  },
  async hash(path: string) {
    const hash = createHash('sha256');
    for await (const part of createReadStream(path, { highWaterMark: 4 * 2 ** 20 })) hash.update(part);
    return hash.digest('hex');
  },
  async modelFolder(folder: string) {
    const { parseModelFolder } = await import('./parse-model.ts');
    return parseModelFolder(folder);
  },
  async modelFault(folder: string) {
    const { parseModelFolder } = await import('./parse-model.ts');
    const model = await parseModelFolder(folder);
    return model.whole ? null : model;
  },
  async shardNames(index: string) {
    const { parseShardNames } = await import('./parse-model.ts');
    return parseShardNames(index);
  },
  async rows(call: RowsCall) {
    const { readRows } = await import('./read-rows.ts');
    return readRows(call);
  },
  async tensorFile(path: string) {
    const { parseTensorFile } = await import('./parse-tensors.ts');
    return parseTensorFile(path);
  },
} as const;

export type TaskName = keyof typeof tasks;
export type TaskInput<N extends TaskName> = Parameters<(typeof tasks)[N]>[0];
export type TaskOutput<N extends TaskName> = Awaited<ReturnType<(typeof tasks)[N]>>;
