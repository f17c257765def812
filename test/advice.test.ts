import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { everyCommand } from './helpers/every-command.ts';

const sources = resolve(import.meta.dirname, '../src');

/** What is told in backticks: `phasebox retry RUN --stage STAGE`, in plain strings and (escaped) in templates. */
async function advised(): Promise<{ readonly file: string; readonly words: readonly string[] }[]> {
  const files = (await readdir(sources, { recursive: true })).filter((name) => name.endsWith('.ts'));
  const texts = await Promise.all(
    files.map(async (file) => ({ file, text: await readFile(join(sources, file), 'utf8') })),
  );
  return texts.flatMap(({ file, text }) =>
    [...text.matchAll(/(?:\\`|(?<='[^'\n]*)`)phasebox ([^`\\$]*)/g)].map(([, line = '']) => ({
      file,
      words: line.trim().split(/\s+/),
    })),
  );
}

describe('what phasebox advises to do', () => {
  it('names commands and options that are there', async () => {
    const program = await everyCommand();
    const known = new Map(
      program.commands.map((command) => [command.name(), ['--help', ...command.options.map(({ long }) => long ?? '')]]),
    );
    const all = (await advised()).filter(({ words: [name = ''] }) => /^[a-z]+$/.test(name));
    expect(all).to.have.length.above(40);
    for (const { file, words } of all) {
      const [name = '', ...rest] = words;
      expect([...known.keys()], `${file}: phasebox ${name}`).to.include(name);
      const options = rest.flatMap((word) => /--[a-z-]+/.exec(word)?.[0] ?? []);
      expect(known.get(name), `${file}: phasebox ${words.join(' ')}`).to.include.members(options);
    }
  });
});
