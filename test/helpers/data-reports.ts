import { resolve } from 'node:path';
import { execa } from 'execa';
import { z } from 'zod';
import { checkReport } from '../../src/events/data-report.ts';
import { demoBase, testPython } from './real-stage.ts';

const env = { ...process.env, MLX_DISABLE_COMPILE: '1', HF_HUB_OFFLINE: '1', PYTHONDONTWRITEBYTECODE: '1' };
const driver = resolve(import.meta.dirname, '../fixtures/taught/reports.py');

export type Message = Readonly<Record<string, unknown>>;
/** A row, or the line as it is in the file. */
export type Row = Readonly<Record<string, unknown>> | string;

export interface DataCase {
  readonly train: readonly Row[];
  readonly valid?: readonly Row[];
  readonly template?: string;
  readonly argv?: readonly string[];
  /** False: without mask_prompt. */
  readonly masks?: boolean;
  /** Only this file is checked. */
  readonly data?: string;
}

const lines = (rows: readonly Row[]): string[] =>
  rows.map((row) => (typeof row === 'string' ? row : JSON.stringify(row)));

/** The reports of python/check_data.py, all from one process. */
export async function reportsOf(cases: readonly DataCase[]) {
  const input = JSON.stringify(
    cases.map(({ train, valid = good(2), template, argv = [], masks = true, ...data }) => ({
      ...{ model: demoBase('B'), template, argv: [...(masks ? ['--mask-prompt'] : []), ...argv], ...data },
      files: { 'train.jsonl': lines(train), 'valid.jsonl': lines(valid) },
    })),
  );
  const { stdout } = await execa(testPython, [driver], { env, input });
  return z.array(checkReport.extend({ code: z.int() })).parse(JSON.parse(stdout));
}

export const user = { role: 'user', content: 'show a.py' };
export const says = (content: unknown, more: Message = {}): Message => ({ role: 'assistant', content, ...more });
export const talk = (...messages: readonly Message[]): Row => ({ messages });
export const good = (count: number): Row[] =>
  Array.from({ length: count }, (_, n) => talk(user, says(`a${n}.py sets x to 1`)));
export const call = (args: unknown) => ({
  id: 'c1',
  type: 'function',
  function: { name: 'read_file', arguments: args },
});
export const fragments = (...texts: readonly string[]) => texts.map((text) => ({ type: 'text', text }));
